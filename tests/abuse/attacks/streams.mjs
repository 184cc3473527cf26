/*
 * Clients that ask for a large map and do not read it: many streams of one HTTP/2 connection, and many connections.
 * Judged by the memory that the gateway holds for them, and by whether others are served meanwhile.
 */
import http2 from 'node:http2';
import tls from 'node:tls';
import { ca, call, hall, judge, memory, pause, port, say, short, until, workers } from '../lib.mjs';

const big = short ? await hall(100, 200) : await hall(200, 500);
const map = `/schedules/${big.schedule}/seats`;
const pids = workers('gateway');
const mib = (bytes) => Math.round(bytes / 1048576);
await call('GET', map);

/** Memory that the gateway has more than `before`, once it no longer grows. */
async function grown(before) {
	let last = -1, now = memory(pids);
	for (let i = 0; i < 20 && now > last + 1048576; i++) {
		last = now;
		await pause(500);
		now = memory(pids);
	}
	return mib(Math.max(0, now - before));
}

let before = memory(pids);
const session = http2.connect(`https://localhost:${port}`, { ca, localAddress: '127.0.0.6', settings: { initialWindowSize: 65535 } });
const refused = {};
session.on('error', () => {});
await new Promise((done, failed) => {
	session.on('connect', done);
	session.on('error', failed);
});
for (let i = 0; i < 20; i++) {
	const stream = session.request({ ':path': map, 'accept-encoding': i % 2 ? 'gzip' : 'identity' });
	stream.on('response', (headers) => { refused[headers[':status']] = (refused[headers[':status']] ?? 0) + 1; });
	stream.on('error', (error) => { refused[error.code] = (refused[error.code] ?? 0) + 1; });
	stream.pause();
}
await until('answers', () => Object.values(refused).reduce((sum, n) => sum + n, 0) >= 20, 30).catch(() => {});
const streams = await grown(before);
say(`one HTTP/2 connection, 20 streams: ${JSON.stringify(refused)}, ${streams} MiB`);
judge('MiB that one HTTP/2 connection with 20 stalled streams holds', streams, 24);
session.destroy();
await pause(500);

before = memory(pids);
const many = short ? 50 : 200;
const sockets = await Promise.all(Array.from({ length: many }, () => new Promise((done) => {
	const socket = tls.connect({ host: '127.0.0.1', servername: 'localhost', port, ca, localAddress: '127.0.0.7' }, () => {
		socket.write(`GET ${map} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
	});
	socket.once('readable', () => done(socket));
	socket.on('error', () => done(socket));
})));
const held = await grown(before);
say(`${many} connections that do not read: ${held} MiB`);
judge('MiB that connections of one address hold which do not read', held, 64);
const other = await until('an answer to somebody else', () => call('GET', map, { from: '127.0.0.8' }), 20);
judge('readers of other addresses that are refused', other.status === 200 ? 0 : 1, 0);
sockets.forEach((socket) => socket.destroy());
process.exit();
