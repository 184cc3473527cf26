/*
 * A user enters and leaves twenty times and keeps the twenty tokens. The store is lost, and with it every place's end.
 * Tokens bring their places back after a loss. These have ended, and may be worth one turn at most, as one place is.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { call, hall, judge, must, operator, pause, say, settings, short, tokenOf, until } from '../lib.mjs';

if (short) // The line settles for 21 s after a loss: tests/redis has the rule for `make test`.
	process.exit();

const ctl = (...words) => execFileSync(`${settings.RUN_DIR}/ctl`, words, { stdio: 'ignore' });
const where = await hall(1, 10);
const user = randomUUID(), token = tokenOf(user);
await must(200, 'PUT', `/admin/queues/${where.schedule}`, { token: operator, body: { mode: 'PAUSED' } });

const stashed = [];
for (let i = 0; i < 20; i++) {
	const entered = await must(201, 'POST', '/queues/enter', { token, from: `127.0.0.${30 + i}`,
		body: { concertId: where.concert, scheduleId: where.schedule } });
	stashed.push(entered.json.token);
	await must(204, 'POST', '/queues/leave', { token, headers: { 'X-Queue-Token': entered.json.token } });
}
// One user stays, so that the queue is not lost with the stash.
const honest = tokenOf();
const kept = (await must(201, 'POST', '/queues/enter', { token: honest, body: { concertId: where.concert, scheduleId: where.schedule } })).json.token;

ctl('stop', 'redis');
execFileSync('sh', ['-c', `rm -rf "${settings.RUN_DIR}"/redis/appendonlydir "${settings.RUN_DIR}"/redis/*.rdb "${settings.RUN_DIR}"/redis/*.aof`]);
ctl('start', 'redis');
await until('the queue is back', async () => (await call('GET', '/readyz', { at: Number(settings.QUEUE_PORT) })).status === 200, 60);

await must(200, 'PUT', `/admin/queues/${where.schedule}`, { token: operator, body: { mode: 'OPEN' } });

/** The status that a token is answered with, and not "ask again". */
const status = (token, queueToken) => until('an answer', async () => {
	const got = await call('GET', '/queues/status', { token, headers: { 'X-Queue-Token': queueToken } });
	return [429, 503].includes(got.status) ? false : got;
});

// Each token is asked about until it has had its turn or is over; a turn is given up, so that the next could come.
const answers = {};
let turns = 0;
for (const one of stashed) {
	const end = await until('a turn or an end', async () => {
		const got = await status(token, one);
		await pause(300);
		return got.status === 200 && got.json.status === 'WAITING' ? false : got;
	}, 90);
	const what = end.json.code ?? end.json.status;
	answers[what] = (answers[what] ?? 0) + 1;
	if (end.json.status === 'ACTIVE') {
		turns++;
		await must(204, 'POST', '/queues/leave', { token, headers: { 'X-Queue-Token': one } });
	}
}
const mine = await status(honest, kept);
say(`twenty stashed tokens after the loss: ${JSON.stringify(answers)}; the one who stayed: ${mine.json.status ?? mine.json.code}`);
judge('turns that the stashed tokens were worth', turns, 1);
judge('people who stayed and lost their place', mine.status === 200 ? 0 : 1, 0);
process.exit();
