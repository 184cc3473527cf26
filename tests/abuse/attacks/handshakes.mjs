/* TLS: a ClientHello that offers only ffdhe8192, replayed; it costs the client nothing and must cost the gateway little. */
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { call, cpuMs, judge, port, say, short, workers } from '../lib.mjs';

const u16 = (n) => Buffer.from([n >> 8, n & 255]);
const sized = (body) => Buffer.concat([u16(body.length), body]);
const extension = (type, body) => Buffer.concat([u16(type), sized(body)]);

/** TLS 1.3, one group: ffdhe8192, with a share of its 1,024 bytes. */
function clientHello() {
	const extensions = Buffer.concat([
		extension(0, sized(Buffer.concat([Buffer.from([0]), sized(Buffer.from('localhost'))]))),
		extension(10, sized(u16(0x0104))),
		extension(13, sized(Buffer.from([4, 3, 8, 4, 8, 5, 4, 1, 5, 3]))),
		extension(43, Buffer.from([2, 3, 4])),
		extension(51, sized(Buffer.concat([u16(0x0104), sized(Buffer.concat([Buffer.from([1]), randomBytes(1023)]))]))),
	]);
	const body = Buffer.concat([u16(0x0303), randomBytes(32), Buffer.from([32]), randomBytes(32),
		sized(Buffer.from([0x13, 1, 0x13, 2, 0x13, 3])), Buffer.from([1, 0]), sized(extensions)]);
	const handshake = Buffer.concat([Buffer.from([1, 0]), sized(body)]);
	return Buffer.concat([Buffer.from([22, 3, 1]), sized(handshake)]);
}

const hello = clientHello();
const count = short ? 40 : 750;
const pids = workers('gateway');
await call('GET', '/healthz');
const before = cpuMs(pids);
const began = Date.now();
let answered = 0;
for (let i = 0; i < count; i++) {
	await new Promise((done) => {
		const socket = net.connect({ host: '127.0.0.1', port, localAddress: '127.0.0.4' }, () => socket.write(hello));
		socket.setTimeout(5000, () => socket.destroy());
		socket.on('data', () => { answered++; socket.destroy(); });
		socket.on('error', () => {});
		socket.on('close', done);
	});
}
const each = (cpuMs(pids) - before) / count;
say(`${count} of ${hello.length} bytes in ${(Date.now() - began) / 1000} s, ${answered} answered; ${each.toFixed(2)} ms of the gateway's CPU each`);
judge('ms of CPU that the gateway spends on such a ClientHello', Number(each.toFixed(2)), 5);
judge('other addresses that are shut out', (await call('GET', '/healthz', { from: '127.0.0.5' })).status === 200 ? 0 : 1, 0);
process.exit();
