/* Readers without an account: sixteen of a gzipped map of 100,000 seats, and /schedules between ever different dates. */
import { attacker, hall, judge, say, short, slowdown, must, call } from '../lib.mjs';

const big = await hall(200, 500);
const sale = await hall(40, 100);
if (!short) {
	judge('sixteen readers of a gzipped map: median hold is so many times as long', await slowdown(sale, () =>
		attacker('same', { path: `/schedules/${big.schedule}/seats`, headers: { 'Accept-Encoding': 'gzip' } })), 3);
	judge('different dates, 68 a second: median hold is so many times as long', await slowdown(sale, () =>
		attacker('dates', { concert: big.concert, rate: 68 })), 3);
}
process.exit();
