// Load through the gateway while tests/stack/test_deploy.sh replaces and scales services. Counts each answer and each failure.
//
// usage: load.mjs URL CERT TOKENS REPORT
//
// TOKENS has a JWT in each line. Until SIGTERM, each token's user makes one call every 100 ms at most: reads and a write of each
// service. At the end REPORT has JSON: requests, failures (at most 20 of them with what failed), and the charges that succeeded.
import { readFileSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:https';

const [url, cert, tokens, report] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, ca: readFileSync(cert), maxSockets: 200 });
const state = { requests: 0, failed: 0, failures: [], charged: 0 };
let going = true;
process.on('SIGTERM', () => { going = false; });

const calls = [
	{ method: 'GET', path: '/concerts', expected: 200 },
	{ method: 'GET', path: '/points', expected: 200 },
	{ method: 'POST', path: '/points/charge', expected: 201, body: '{"amount":1000}' },
	{ method: 'GET', path: '/payments/00000000-0000-7000-8000-000000000000', expected: 404 },
	// The queue service knows no such schedule.
	{ method: 'POST', path: '/queues/enter', expected: 404, body: '{"concertId":"00000000-0000-7000-8000-000000000001","scheduleId":"00000000-0000-7000-8000-000000000001"}' },
];

function call(jwt, { method, path, expected, body }) {
	return new Promise((resolve) => {
		const headers = { authorization: `Bearer ${jwt}` };
		if (body) {
			headers['content-type'] = 'application/json';
			headers['content-length'] = Buffer.byteLength(body);
			headers['idempotency-key'] = randomUUID();
		}
		const done = (what) => {
			state.requests++;
			if (what !== null) {
				state.failed++;
				if (state.failures.length < 20)
					state.failures.push(`${new Date().toISOString()} ${method} ${path}: ${what}`);
			} else if (path === '/points/charge')
				state.charged++;
			resolve();
		};
		const sent = request(url + path, { method, headers, agent, timeout: 20000 }, (answer) => {
			let text = '';
			answer.on('data', (part) => { text += part; });
			answer.on('end', () => done(answer.statusCode === expected ? null : `${answer.statusCode} ${text.slice(0, 200)}`));
			answer.on('error', (error) => done(error.message));
		});
		sent.on('timeout', () => sent.destroy(new Error('no answer in 20 s')));
		sent.on('error', (error) => done(error.message));
		sent.end(body);
	});
}

async function user(jwt, first) {
	for (let i = first; going; i++) {
		const began = Date.now();
		await call(jwt, calls[i % calls.length]);
		await new Promise((resolve) => setTimeout(resolve, Math.max(0, 100 - (Date.now() - began))));
	}
}

await Promise.all(readFileSync(tokens, 'utf8').trim().split('\n').map(user));
writeFileSync(report, JSON.stringify(state));
process.exit(0);
