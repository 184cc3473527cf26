/*
 * Shared by the attacks: calls from any loopback address, users' tokens, halls and turns, the services' metrics, and
 * judgements. Settings come from the environment (tests/abuse/run).
 */
import { execFileSync, fork, spawn } from 'node:child_process';
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { fileURLToPath } from 'node:url';

export const settings = process.env;
export const short = settings.ABUSE !== 'long';
export const top = fileURLToPath(new URL('../..', import.meta.url));
export const ca = readFileSync(`${settings.RUN_DIR}/tls/cert.pem`);
export const port = Number(settings.GATEWAY_HTTPS_PORT);

// --- judging ------------------------------------------------------------------------------------

/** A figure for the reader. */
export function say(...text) {
	console.log('#   ', ...text);
}

/** One test: passes if `value` is at most `limit`. */
export function judge(what, value, limit) {
	check(`${what}: ${value}, at most ${limit}`, value <= limit);
}

let judged = 0;

/** One test, as a line of TAP. */
export function check(what, good) {
	console.log(`${good ? 'ok' : 'not ok'} ${++judged} - ${what}`);
	if (!good)
		process.exitCode = 1;
}

/* The plan comes last. An attack that breaks off has an exit status that prove reports. */
if (process.send === undefined)
	process.on('exit', () => console.log(`1..${judged}`));

export function median(values) {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted.length === 0 ? NaN : sorted[Math.floor(sorted.length / 2)];
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until `condition` holds; fails after `seconds`. */
export async function until(what, condition, seconds = 120) {
	const deadline = Date.now() + seconds * 1000;
	for (;;) {
		const value = await condition();
		if (value)
			return value;
		if (Date.now() > deadline)
			throw new Error(`${what}: not within ${seconds} s`);
		await pause(20);
	}
}

// --- calling ------------------------------------------------------------------------------------

const agents = new Map();

/** Connections that are kept, one pool for each source address. */
function agentOf(from, secure) {
	const key = `${from} ${secure}`;
	if (!agents.has(key))
		agents.set(key, new (secure ? https : http).Agent({ keepAlive: true, maxSockets: 256, localAddress: from }));
	return agents.get(key);
}

/**
 * One call at the gateway, or at a service's own port (`at`). Resolves to {status, headers, body, json, ms}; json is
 * null where the body is none. `from` is the loopback address that the call comes from.
 */
export function call(method, path, { token, headers = {}, body, from = '127.0.0.1', at, seconds = 60 } = {}) {
	const secure = at === undefined;
	const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
	const all = { ...headers };
	if (token !== undefined)
		all.Authorization = `Bearer ${token}`;
	if (text !== undefined) {
		all['Content-Type'] ??= 'application/json';
		all['Content-Length'] = Buffer.byteLength(text);
	}
	return new Promise((done, failed) => {
		const began = process.hrtime.bigint();
		const request = (secure ? https : http).request({ host: secure ? 'localhost' : '127.0.0.1', family: 4,
			port: secure ? port : at, ca, method, path, headers: all, agent: agentOf(from, secure) }, (answer) => {
			const chunks = [];
			answer.on('data', (chunk) => chunks.push(chunk));
			answer.on('error', failed);
			answer.on('end', () => {
				const raw = Buffer.concat(chunks);
				let json = null;
				if (answer.headers['content-encoding'] === undefined && raw.length < 1000000) {
					try {
						json = JSON.parse(raw.toString());
					} catch {
						json = null;
					}
				}
				done({ status: answer.statusCode, headers: answer.headers, body: raw, json,
					ms: Number(process.hrtime.bigint() - began) / 1e6 });
			});
		});
		request.on('error', failed);
		request.setTimeout(seconds * 1000, () => request.destroy(new Error(`${method} ${path}: no answer in ${seconds} s`)));
		request.end(text);
	});
}

/** As call, and the status must be one of `statuses`. */
export async function must(statuses, method, path, options) {
	const answer = await call(method, path, options);
	if (![statuses].flat().includes(answer.status))
		throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString().slice(0, 300)}`);
	return answer;
}

// --- users --------------------------------------------------------------------------------------

const base64url = (value) => Buffer.from(value).toString('base64url');
const key = createPrivateKey(readFileSync(`${settings.RUN_DIR}/jwt/${settings.JWT_ALG}.key`));

/** A user's JWT, signed with the key of the run. */
export function tokenOf(user = randomUUID(), claims = {}) {
	const now = Math.floor(Date.now() / 1000);
	const text = `${base64url(JSON.stringify({ alg: settings.JWT_ALG, typ: 'JWT', kid: 'test' }))}.${
		base64url(JSON.stringify({ sub: user, iat: now, exp: now + 86400,
			...(settings.JWT_ISSUER ? { iss: settings.JWT_ISSUER } : {}),
			...(settings.JWT_AUDIENCE ? { aud: settings.JWT_AUDIENCE } : {}), ...claims }))}`;
	return `${text}.${base64url(sign('sha256', Buffer.from(text),
		settings.JWT_ALG === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key))}`;
}

export const operator = tokenOf(randomUUID(), { roles: ['operator'] });

/** A new concert with one schedule on sale; returns {concert, schedule, seats: [ids]}. */
export async function hall(rows, seatsPerRow, schedule = {}, concert) {
	const at = Number(settings.RESERVATION_PORT);
	concert ??= (await must(201, 'POST', '/admin/concerts', { token: operator, at,
		body: { title: 'T', artist: 'A', venue: 'V', address: 'S' } })).json.concertId;
	const made = (await must(201, 'POST', `/admin/concerts/${concert}/schedules`, { token: operator, at, body: {
		startAt: '2035-05-01T10:00:00Z', endAt: '2035-05-01T12:00:00Z', status: 'ON_SALE',
		sections: [{ section: 'A', grade: 'R', price: 50000, rows, seatsPerRow }], ...schedule } })).json.scheduleId;
	return { concert, schedule: made, seats: sql(`SELECT seat_id FROM reservation.seats WHERE schedule_id = '${made}'
		ORDER BY section_no, row_no, number`).split('\n') };
}

/** A user with an active turn in the schedule's queue: {user, token, queueToken}. */
export async function buyer(where, from, user = randomUUID()) {
	const token = tokenOf(user);
	const queueToken = (await must([200, 201], 'POST', '/queues/enter', { token, from,
		body: { concertId: where.concert, scheduleId: where.schedule } })).json.token;
	await until('the turn comes', async () => {
		const answer = await call('GET', '/queues/status', { token, from, headers: { 'X-Queue-Token': queueToken } });
		if (answer.status === 200 && answer.json.status === 'ACTIVE')
			return true;
		await pause(300);
		return false;
	});
	return { user, token, queueToken };
}

/** `count` of them, some at a time. */
export async function buyers(where, count, from) {
	const all = [];
	const one = async () => {
		while (all.length < count) {
			const at = all.push(null) - 1;
			all[at] = await buyer(where, from);
		}
	};
	await Promise.all(Array.from({ length: Math.min(count, 16) }, one));
	return all;
}

/** The buyer holds these seats; resolves to the answer. */
export function hold(who, where, seatIds, from) {
	return call('POST', '/reservations/hold', { token: who.token, from, headers: { 'X-Queue-Token': who.queueToken },
		body: { scheduleId: where.schedule, seatIds } });
}

// --- looking inside -----------------------------------------------------------------------------

/** The database's answer to a query, as psql prints it. */
export function sql(query) {
	return execFileSync('psql', ['--no-psqlrc', '-qAt', '-v', 'ON_ERROR_STOP=1', '-c', query],
		{ encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }).trim();
}

/** A service's metric: all its labels that hold `label`, added up. */
export async function metric(service, name, label = '') {
	const answer = await must(200, 'GET', '/metrics', { at: Number(settings[`${service.toUpperCase()}_PORT`]) });
	return answer.body.toString().split('\n')
		.filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)) && line.includes(label))
		.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** The processes of the gateway or of a service's first instance: the parent's children. */
export function workers(program) {
	const parent = readFileSync(program === 'gateway' ? `${settings.RUN_DIR}/gateway/nginx.pid` :
		`${settings.RUN_DIR}/services/${program}/kore.pid`, 'utf8').trim();
	return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').filter((pid) => pid !== '');
}

/** Milliseconds of CPU that these processes have used. */
export function cpuMs(pids) {
	return pids.reduce((sum, pid) => sum + Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6, 0);
}

/** Bytes of memory that these processes hold. */
export function memory(pids) {
	return pids.reduce((sum, pid) => sum + 1024 *
		Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]), 0);
}

// --- attacking ----------------------------------------------------------------------------------

/**
 * Starts tests/abuse/attacker.mjs in a process of its own, so that its work does not delay what is measured here.
 * Resolves, once the attack is under way, to {counts(), stop()}; both resolve to its counts so far.
 */
export async function attacker(kind, options = {}) {
	const child = fork(fileURLToPath(new URL('attacker.mjs', import.meta.url)), [kind, JSON.stringify(options)]);
	const waiting = [];
	let ended = null;
	child.on('message', (message) => waiting.shift()?.done(message));
	child.on('exit', (code) => {
		ended = new Error(`the attacker ${kind} ended with ${code}`);
		waiting.splice(0).forEach((one) => one.failed(ended));
	});
	const ask = (word) => new Promise((done, failed) => {
		if (ended !== null)
			failed(ended);
		waiting.push({ done, failed });
		if (word !== null)
			child.send(word);
	});
	await ask(null);
	return { counts: () => ask('counts'), pid: child.pid, stop: async () => {
		const counts = await ask('stop');
		child.kill();
		return counts;
	} };
}

/**
 * Starts the gateway tests' hostile client (tests/gateway/hostile.c). Resolves once it says "ready" to {done, stop()}. Both
 * resolve to its totals; stop() ends it first.
 */
export function hostile(...options) {
	const child = spawn(`${settings.BUILD_DIR ?? `${top}build`}/tests/abuse/hostile`, [...options.map(String), String(port)],
		{ stdio: ['ignore', 'pipe', 'inherit'] });
	let text = '';
	const done = new Promise((end, failed) => {
		child.on('error', failed);
		child.on('close', () => end(Object.fromEntries([...text.matchAll(/(\w+)=(\d+)/g)].map(([, name, n]) => [name, Number(n)]))));
	});
	return new Promise((ready, failed) => {
		child.on('error', failed);
		child.on('close', () => failed(new Error(`hostile ${options.join(' ')}: ended: ${text}`)));
		child.stdout.on('data', (chunk) => {
			text += chunk;
			if (text.includes('ready'))
				ready({ done, stop: () => (child.kill(), done) });
		});
	});
}

/** The card provider's simulator: its books, what it is told to do, what its users have begun. */
export async function provider(path, body) {
	const answer = await call(body === undefined ? 'GET' : 'POST', `/simulator/${path}`, { body,
		at: Number(settings.TOSS_PORT) });
	if (answer.status < 200 || answer.status >= 300)
		throw new Error(`the simulator, ${path}: ${answer.status} ${answer.body}`);
	return answer.json;
}

/**
 * Milliseconds that each of `count` holds takes, one after the other, from an address of its own. A hold that is
 * refused is an error: it would be fast. Stops after `seconds`, with at least five.
 */
export async function holdTimes(where, people, seconds = 10, from = '127.0.0.99') {
	const times = [];
	const began = Date.now();
	for (const who of people) {
		if (times.length >= 5 && Date.now() - began > seconds * 1000)
			break;
		const answer = await hold(who, where, [where.seats[where.next = (where.next ?? -1) + 1]], from);
		if (answer.status !== 201)
			throw new Error(`hold: ${answer.status} ${answer.body.toString().slice(0, 300)}`);
		times.push(answer.ms);
		await pause(20);
	}
	return times;
}

/**
 * How many times as long a median hold takes while `start` attacks as when it is quiet: the least of `rounds`, because
 * other work of the machine can only add to it. `start` resolves to what attacker() gives.
 */
export async function slowdown(where, start, rounds = 3, count = 60) {
	let least = Infinity;
	await holdTimes(where, await buyers(where, 10));
	for (let round = 0; round < rounds && least >= 3; round++) {
		const people = await buyers(where, 2 * count);
		const quiet = median(await holdTimes(where, people.slice(0, count)));
		const attack = await start();
		await pause(1000);
		const attacked = median(await holdTimes(where, people.slice(count)));
		const counts = await attack.stop();
		say(`median hold: quiet ${quiet.toFixed(1)} ms, attacked ${attacked.toFixed(1)} ms; the attack: ${JSON.stringify(counts)}`);
		least = Math.min(least, attacked / quiet);
	}
	return Number(least.toFixed(2));
}
