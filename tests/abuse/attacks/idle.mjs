/* 16,000 idle TLS connections from one address: it gets its number and no more, and others come in as if nothing were. */
import { call, check, hostile, judge, memory, pause, say, short, workers } from '../lib.mjs';

const count = short ? 500 : 16000;
const pids = workers('gateway');
const before = memory(pids);
const attack = await hostile('idle', '-a', '127.0.0.10', '-n', count, '-s', short ? 40 : 60);
const times = [];
let refused = 0;
for (let i = 0; i < (short ? 10 : 100); i++) {
	const answer = await call('GET', '/healthz', { from: `127.0.0.${20 + i % 100}` }).catch(() => ({ status: 0 }));
	refused += answer.status !== 200;
	times.push(answer.ms);
	await pause(20);
}
const held = Math.round((memory(pids) - before) / 1048576);
const totals = await (short ? attack.stop() : attack.done);
say(`asked for ${count}, had ${totals.peak} at once, ${held} MiB of the gateway; others waited at most ${Math.round(Math.max(...times))} ms`);
judge('others who were kept out', refused, 0);
if (short)
	check('an honest address may have as many', totals.peak >= count * 0.9);
else
	judge('idle connections that one address had', totals.peak, 8000);
process.exit();
