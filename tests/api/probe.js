/*
 * Sends each operation of docs/api-spec.yaml what is wrong with any request of its kind, and appends
 * the exchanges to a record for tests/api/check:
 *
 *   tests/api/probe RECORD
 *
 * No JWT, no operator's role, another content type, a broken body, a parameter out of range, an id
 * that nobody has, no queue token and a false one, no Idempotency-Key; HEAD; and paths and methods
 * that are not there. It judges nothing: check does. Settings come from the environment (tests/run,
 * deploy/settings/table). What needs a story (a hold, a payment) is the HTTP tests' part.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { fileURLToPath } from 'node:url';
import { operations, spec } from './spec.js';

const record = process.argv[2];
const top = fileURLToPath(new URL('../..', import.meta.url));
const gateway = { host: 'localhost', port: process.env.GATEWAY_HTTPS_PORT, ca: readFileSync(`${process.env.RUN_DIR}/tls/cert.pem`) };
const service = { host: '127.0.0.1', port: process.env.RESERVATION_PORT };

const token = (...args) => execFileSync(`${top}deploy/local/token`, args, { encoding: 'utf8' }).trim();
const user = token();
const operator = token('--user', randomUUID(), '--roles', 'operator');

function exchange(to, method, path, headers, body) {
	return new Promise((done, failed) => {
		const length = body === null ? {} : { 'Content-Length': Buffer.byteLength(body) };
		const request = (to === gateway ? https : http).request(
			{ ...to, method, path, headers: { ...headers, ...length }, agent: false }, (answer) => {
				const chunks = [];
				answer.on('data', (chunk) => chunks.push(chunk));
				answer.on('error', failed);
				answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers,
					body: Buffer.concat(chunks).toString('utf8') }));
			});
		request.on('error', failed);
		request.setTimeout(60000, () => request.destroy(new Error('no answer in 60 s')));
		request.end(body ?? undefined);
	});
}

async function send(method, path, headers = {}, body = null, to = gateway) {
	for (;;) {
		const answer = await exchange(to, method, path, headers, body);
		const { Authorization, ...rest } = headers;
		appendFileSync(record, `${JSON.stringify({ method, path, status: answer.status,
			requestHeaders: Authorization === undefined ? rest : { ...rest, Authorization: 'Bearer' },
			requestBody: body, responseHeaders: answer.headers, responseBody: answer.body })}\n`);
		if (answer.status !== 429 || answer.headers['retry-after'] === undefined)
			return;
		await new Promise((done) => setTimeout(done, 1000 * answer.headers['retry-after']));
	}
}

const needsUser = (raw) => raw.security === undefined;
const pathOf = (operation) => operation.path.replace(/\{[^}]+\}/g, () => randomUUID());
const has = (operation, name) => operation.parameters.some((p) => p.name === name);

async function probe(operation) {
	const { method, body } = operation;
	const raw = spec.paths[operation.path][method.toLowerCase()];
	const path = pathOf(operation);
	const operators = operation.path.startsWith('/admin/');
	const good = {
		...(needsUser(raw) ? { Authorization: `Bearer ${operators ? operator : user}` } : {}),
		...(body === null ? {} : { 'Content-Type': 'application/json' }),
		...(has(operation, 'Idempotency-Key') ? { 'Idempotency-Key': randomUUID() } : {}),
		...(has(operation, 'X-Queue-Token') ? { 'X-Queue-Token': 'not-one-of-ours' } : {}),
	};
	const without = (name) => Object.fromEntries(Object.entries(good).filter(([n]) => n !== name));
	const text = body === null ? null : '{}';

	/* As good as can be without a story: an id that nobody has, or an empty body. */
	await send(method, path, good, text);
	if (needsUser(raw))
		await send(method, path, without('Authorization'), text);
	if (operators)
		await send(method, path, { ...good, Authorization: `Bearer ${user}` }, text);
	if (operation.path.includes('{'))
		await send(method, operation.path.replace(/\{[^}]+\}/g, 'no-uuid'), good, text);
	if (body !== null) {
		await send(method, path, { ...good, 'Content-Type': 'text/plain' }, text);
		await send(method, path, good, '{"broken');
	}
	for (const name of ['Idempotency-Key', 'X-Queue-Token'])
		if (has(operation, name))
			await send(method, path, without(name), text);
	for (const parameter of operation.parameters.filter((p) => p.in === 'query'))
		await send(method, `${path}?${parameter.name}=-`, good);
	if (method === 'GET') {
		await send('HEAD', path, good);
		await send('GET', path, { ...good, 'Content-Type': 'application/json' }, '{}');
	}
}

if (record === undefined) {
	console.error('usage: tests/api/probe RECORD');
	process.exit(2);
}
for (const operation of operations.filter((o) => !spec.paths[o.path][o.method.toLowerCase()].tags.includes('health')))
	await probe(operation);
for (const path of ['/livez', '/readyz', '/metrics']) {
	await send('GET', path, {}, null, service);
	await send('GET', path);
}
await send('GET', '/healthz');
await send('GET', '/nowhere');
await send('DELETE', '/points', { Authorization: `Bearer ${user}` });
await send('POST', '/points/charge', { Authorization: `Bearer ${user}`, 'Content-Type': 'application/json',
	'Idempotency-Key': randomUUID() }, `{"amount":"${'9'.repeat(200000)}"}`);
