/*
 * A thief has seen the page that the card provider sends a user back to: payment key, order id and, with it,
 * Idempotency-Key. The thief credits the money to another wallet, before and after the owner. The owner must get the points.
 */
import { createHash, randomUUID } from 'node:crypto';
import { call, judge, must, pause, provider, say, tokenOf, until } from '../lib.mjs';

const rounds = 10;
let stolen = 0, blocked = 0;
const answers = {};

const charge = (token, key, paymentKey) => call('POST', '/points/charge', { token, headers: { 'Idempotency-Key': key },
	body: { amount: 9000, card: { paymentKey } } });
const balance = async (token) => (await must(200, 'GET', '/points', { token })).json.balance;

for (let round = 0; round < rounds; round++) {
	const [owner, thief] = [randomUUID(), randomUUID()];
	const [owners, thiefs] = [tokenOf(owner), tokenOf(thief)];
	const [key, card] = [randomUUID(), `card-${randomUUID()}`];
	const order = `charge-${createHash('sha256').update(`${owner}:${key}`).digest('hex').slice(0, 40)}`;
	await provider('payments', { paymentKey: card, orderId: order, amount: 9000 });

	const note = (answer) => { answers[answer.status] = (answers[answer.status] ?? 0) + 1; };
	if (round % 2 === 0)
		note(await charge(thiefs, key, card));
	else
		(await Promise.all([charge(thiefs, key, card), charge(thiefs, randomUUID(), card)])).forEach(note);
	const mine = await until('the owner is charged', async () => {
		const answer = await charge(owners, key, card);
		if (![202, 429, 503].includes(answer.status))
			return answer;
		await pause(300);
		return false;
	}, 120);
	note(await charge(thiefs, key, card));
	stolen += await balance(thiefs);
	blocked += mine.status !== 201 || await balance(owners) !== 9000;
}
say(`${rounds} payments; answers to the thief: ${JSON.stringify(answers)}`);
judge('points that the thief has', stolen, 0);
judge('owners who did not get their points', blocked, 0);
process.exit();
