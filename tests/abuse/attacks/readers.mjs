/*
 * Readers without an account. They cost compression, PostgreSQL's time and memory: counted here for a map of
 * 100,000 seats that changes all the time, for /schedules between ever different dates, for questions since ever
 * different versions, for ids of nothing, and for clients that do not read what they asked for.
 */
import net from 'node:net';
import { attacker, buyers, check, cpuMs, hall, hold, judge, memory, metric, pause, say, settings, short, slowdown, sql, workers } from '../lib.mjs';

const at = Number(settings.RESERVATION_PORT);
// The short form makes do with a smaller hall.
const big = short ? await hall(100, 200) : await hall(200, 500);
const seconds = short ? 2 : 4;
big.next = 1000;
const sale = await hall(40, 100);
const map = `/schedules/${big.schedule}/seats`;
const gzip = { 'Accept-Encoding': 'gzip' };

/** The cost of an attack of `seconds` for the reservation service. */
async function cost(length, start) {
	const names = ['pack_total', 'cache_calls_total', 'lane_seconds_total', 'cache_replies_total'];
	const before = await Promise.all(names.map((name) => metric('reservation', name)));
	const gateway = cpuMs(workers('gateway'));
	const began = Date.now();
	const attack = await start();
	await pause(length * 1000);
	const counts = await attack.stop();
	const [packed, calls, used, replies] = await Promise.all(names.map(async (name, i) => await metric('reservation', name) - before[i]));
	const result = { ...counts, packed, calls, used, replies, gateway: Math.round(cpuMs(workers('gateway')) - gateway),
		seconds: (Date.now() - began) / 1000 };
	say(JSON.stringify(result));
	return result;
}

// 8 calls at once and 4 a second for one question (services/reservation/src/cache.h).
const budget = (seconds) => Math.ceil(10 + 4 * seconds);

say('sixteen readers of a gzipped map of 100,000 seats, straight at the service');
let found = await cost(seconds, () => attacker('same', { path: map, headers: gzip, at }));
judge('compressions of a map that does not change', found.packed, 1);
judge('PostgreSQL calls for it', found.calls, budget(found.seconds));

say('the same, while its seats are being held');
const people = await buyers(big, 4);
const [changing, made] = await Promise.all([cost(seconds, () => attacker('same', { path: map, headers: gzip, at })), (async () => {
	let held = 0;
	for (const who of people) {
		held += (await hold(who, big, [big.seats[held]])).status === 201;
		await pause(400);
	}
	return held;
})()]);
judge('compressions of a map that is changed', changing.packed, changing.calls);
judge('PostgreSQL calls for it', changing.calls, budget(changing.seconds));
judge('people who could not hold a seat', people.length - made, 0);

say('/schedules of one concert, each time between other dates');
found = await cost(seconds, () => attacker('dates', { concert: big.concert, at }));
judge('PostgreSQL calls for it', found.calls, budget(found.seconds));

say('changes since ever different versions');
found = await cost(seconds, () => attacker('since', { path: map, headers: gzip, at }));
// Exact answers have a budget of their own, and there are ten steps of two versions each (seats.c).
judge('PostgreSQL calls for it', found.calls, 22 * budget(found.seconds));
if (!short)
	judge('milliseconds of PostgreSQL in a second', Math.round(1000 * found.used / found.seconds), 1000);

say('concerts, schedules and maps that do not exist');
found = await cost(seconds, () => attacker('nothing', { at }));
if (!short)
	judge('milliseconds of PostgreSQL in a second', Math.round(1000 * found.used / found.seconds), 1000);

if (!short) {
	say('clients that do not read a plain map, each another version of it');
	const service = workers('reservation-0');
	const before = memory(service);
	const stalled = [];
	for (let i = 0; i < 40; i++) {
		sql(`UPDATE reservation.seats SET changes = changes + 1, changed_xid = pg_current_xact_id()
			WHERE seat_id = '${big.seats[50000 + i]}'`);
		const socket = net.connect({ host: '127.0.0.1', port: at, localAddress: '127.0.0.3' });
		socket.on('error', () => {});
		const began = new Promise((done) => socket.once('readable', done));
		socket.write(`GET ${map} HTTP/1.1\r\nHost: x\r\n\r\n`);
		await began;
		stalled.push(socket);
	}
	const waiting = Math.round(await metric('reservation', 'ct_sending_bytes') / 1048576);
	say(`${stalled.length} clients; memory: ${Math.round((memory(service) - before) / 1048576)} MiB more`);
	judge('MiB that wait for slow readers', waiting, 128);
	check(`the last of them was not cut off, the first was: ${await metric('reservation', 'ct_slow_readers_closed_total')} closed`,
		waiting > 64 && await metric('reservation', 'ct_slow_readers_closed_total') > 0);
	stalled.forEach((socket) => socket.destroy());

	say('how much slower a hold becomes, through the gateway');
	judge('sixteen readers of a gzipped map: factor by which the median hold is slower', await slowdown(sale, () =>
		attacker('same', { path: map, headers: gzip })), 3);
	judge('sixteen readers of the map that is sold: factor by which the median hold is slower', await slowdown(big, () =>
		attacker('same', { path: map, headers: gzip })), 3);
	judge('different dates, 68 a second: factor by which the median hold is slower', await slowdown(sale, () =>
		attacker('dates', { concert: big.concert, rate: 68 })), 3);
}
process.exit();
