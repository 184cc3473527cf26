// Load through the gateway while tests replace, scale and migrate the services. Counts each answer and each failure.
//
// usage: load.mjs URL CERT TOKENS REPORT
//
// TOKENS has a JWT in each line. Until SIGTERM, every second user makes single calls: reads and a write of each service. The others buy
// tickets of the demo concert and give them back: queue, hold, points, payment, cancellation. Each makes a call every 100 ms at most.
// REPORT.works exists as soon as a charge and a ticket have succeeded.
// At the end REPORT has JSON: requests, failed (failures has at most 20 of them), and what succeeded: charged, bought.
import { readFileSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:https';

const [url, cert, tokens, report] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, ca: readFileSync(cert), maxSockets: 200 });
const state = { requests: 0, failed: 0, failures: [], charged: 0, bought: 0 };
let going = true;
process.on('SIGTERM', () => { going = false; });

const calls = [
	{ method: 'GET', path: '/concerts', expected: [200] },
	{ method: 'GET', path: '/points', expected: [200] },
	{ method: 'POST', path: '/points/charge', expected: [201], body: { amount: 1000 } },
	{ method: 'GET', path: '/payments/00000000-0000-7000-8000-000000000000', expected: [404] },
	// The queue service knows no such schedule.
	{ method: 'POST', path: '/queues/enter', expected: [404], body: { concertId: '00000000-0000-7000-8000-000000000001', scheduleId: '00000000-0000-7000-8000-000000000001' } },
];

function succeeded(what) {
	state[what]++;
	if (state[what] === 1 && state.charged > 0 && state.bought > 0)
		writeFileSync(`${report}.works`, '');
}

function pause(ms) {
	return new Promise((resolve) => { setTimeout(resolve, ms); });
}

// Makes one call. Returns the answer's JSON, or null after a failure, which it counts: no answer, or a status that is not expected.
async function call(jwt, { method, path, expected, body, queueToken }) {
	const began = Date.now();
	const answer = await new Promise((resolve) => {
		const headers = { authorization: `Bearer ${jwt}` };
		const text = body ? JSON.stringify(body) : '';
		if (method === 'POST')
			headers['idempotency-key'] = randomUUID();
		if (body) {
			headers['content-type'] = 'application/json';
			headers['content-length'] = Buffer.byteLength(text);
		}
		if (queueToken)
			headers['x-queue-token'] = queueToken;
		const done = (failure, json) => {
			state.requests++;
			if (failure !== null) {
				state.failed++;
				if (state.failures.length < 20)
					state.failures.push(`${new Date().toISOString()} ${method} ${path}: ${failure}`);
			}
			resolve(failure === null ? json : null);
		};
		const sent = request(url + path, { method, headers, agent, timeout: 60000 }, (got) => {
			let said = '';
			got.on('data', (part) => { said += part; });
			got.on('end', () => (expected.includes(got.statusCode) ? done(null, JSON.parse(said)) : done(`${got.statusCode} ${said.slice(0, 200)}`)));
			got.on('error', (error) => done(error.message));
		});
		sent.on('timeout', () => sent.destroy(new Error('no answer in 60 s')));
		sent.on('error', (error) => done(error.message));
		sent.end(text);
	});
	await pause(Math.max(0, 100 - (Date.now() - began)));
	return answer;
}

async function makeSingleCalls(jwt, first) {
	for (let i = first; going; i++) {
		const answer = await call(jwt, calls[i % calls.length]);
		if (answer !== null && calls[i % calls.length].path === '/points/charge')
			succeeded('charged');
	}
}

// Returns the first schedule of the demo concert (deploy/local/demo.sql).
async function demoSchedule(jwt) {
	const day = (n) => new Date(Date.now() + n * 86400000).toISOString().slice(0, 10);
	for (let cursor = ''; ;) {
		const page = await call(jwt, { method: 'GET', path: `/concerts?limit=100${cursor}`, expected: [200] });
		const concert = page.items.find((item) => item.title === 'A Night of Film Music');
		if (concert) {
			const path = `/schedules?concertId=${concert.concertId}&dateFrom=${day(0)}&dateTo=${day(60)}`;
			const { schedules } = await call(jwt, { method: 'GET', path, expected: [200] });
			return { concertId: concert.concertId, scheduleId: schedules[0].scheduleId };
		}
		cursor = `&cursor=${page.nextCursor}`;
	}
}

// Buys one ticket by points and gives it back. After a failed call the user begins anew.
async function buyTicket(jwt, demo) {
	let ticket = await call(jwt, { method: 'POST', path: '/queues/enter', expected: [200, 201], body: demo });
	while (ticket?.status === 'WAITING') {
		await pause(1000 * ticket.pollAfterSeconds);
		ticket = await call(jwt, { method: 'GET', path: '/queues/status', expected: [200], queueToken: ticket.token });
	}
	if (ticket === null)
		return;
	const hold = await call(jwt, { method: 'POST', path: '/reservations/hold', expected: [201], queueToken: ticket.token,
		body: { scheduleId: demo.scheduleId, bestAvailable: { grade: 'S', quantity: 1 } } });
	if (hold === null)
		return;
	const { reservationId, totalAmount: amount } = hold;
	const wallet = await call(jwt, { method: 'GET', path: '/points', expected: [200] });
	if (wallet !== null && wallet.balance < amount)
		await call(jwt, { method: 'POST', path: '/points/charge', expected: [201], body: { amount } });
	const paid = await call(jwt, { method: 'POST', path: '/payments', expected: [201], body: { reservationId, amount, method: 'POINT' } });
	await call(jwt, { method: 'POST', path: `/reservations/${reservationId}/cancel`, expected: [200] });
	if (paid !== null)
		succeeded('bought');
}

async function buyTickets(jwt, demo) {
	while (going)
		await buyTicket(jwt, demo);
}

const users = readFileSync(tokens, 'utf8').trim().split('\n');
const demo = await demoSchedule(users[0]);
await Promise.all(users.map((jwt, i) => (i % 2 === 0 ? makeSingleCalls(jwt, i / 2) : buyTickets(jwt, demo))));
writeFileSync(report, JSON.stringify(state));
process.exit(0);
