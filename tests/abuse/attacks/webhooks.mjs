/* Webhooks about one's own declined payment, as fast as they are taken: the provider is not asked for each. */
import { randomUUID } from 'node:crypto';
import { buyer, call, hall, hold, judge, must, provider, say, short } from '../lib.mjs';

const where = await hall(1, 4);
const who = await buyer(where);
const made = await hold(who, where, [where.seats[0]]);
const card = `card-${randomUUID()}`;
await provider('behaviours', { paymentKey: card, confirm: 'decline:REJECT_CARD_PAYMENT', times: 1 });
await must(402, 'POST', '/payments', { token: who.token, headers: { 'Idempotency-Key': randomUUID() },
	body: { reservationId: made.json.reservationId, amount: made.json.totalAmount, method: 'CARD', card: { paymentKey: card } } });

const asked = async () => (await provider('books')).orders.filter((order) => order.paymentKey === card)
	.reduce((sum, order) => sum + order.requests.find, 0);
const before = await asked();
const began = Date.now();
const counts = {};
const seconds = short ? 3 : 25;
await Promise.all(Array.from({ length: 16 }, async () => {
	while (Date.now() - began < seconds * 1000) {
		const { status } = await call('POST', '/payments/webhooks/toss', { from: '127.0.0.11',
			body: { eventType: 'PAYMENT_STATUS_CHANGED', data: { paymentKey: card, status: 'DONE' } } });
		counts[status] = (counts[status] ?? 0) + 1;
	}
}));
const looked = await asked() - before;
const took = (Date.now() - began) / 1000;
say(`${JSON.stringify(counts)} webhooks in ${took.toFixed(1)} s: ${looked} look-ups`);
judge('look-ups of one payment', looked, 1 + Math.ceil(took / 10));
process.exit();
