/*
 * An attacker: a process that lib.mjs starts, told what to do by name. It says "under way" with its first message and
 * answers "counts" and "stop" with what it has done.
 */
import { randomUUID } from 'node:crypto';
import { call } from './lib.mjs';

const [kind, json] = process.argv.slice(2);
const options = JSON.parse(json);
const counts = { sent: 0, errors: 0 };
let stopped = false;

/** Counts an answer by its status. */
function note(answer) {
	counts[answer.status] = (counts[answer.status] ?? 0) + 1;
	counts.bytes = (counts.bytes ?? 0) + answer.body.length;
}

/** Sends `path(n)` on a number of connections until it is told to stop, at most `rate` a second in all. */
function readers({ readers: many, rate = Infinity, path, headers = {}, from = '127.0.0.2', method = 'GET', at }) {
	const began = Date.now();
	const one = async () => {
		while (!stopped) {
			const early = counts.sent * 1000 / rate - (Date.now() - began);
			if (early > 0) {
				await new Promise((done) => setTimeout(done, early));
				continue;
			}
			try {
				note(await call(method, path(counts.sent++), { from, headers, at }));
			} catch {
				counts.errors++;
				await new Promise((done) => setTimeout(done, 100));
			}
		}
	};
	for (let i = 0; i < many; i++)
		void one();
}

const kinds = {
	/** Many readers of one path. */
	same: (o) => readers({ readers: 16, ...o, path: () => o.path }),
	/** Changes since a version that no other request has named. */
	since: (o) => readers({ readers: 16, ...o, path: (n) => `${o.path}?since=${n + 1}` }),
	/** Concerts and schedules that do not exist. */
	nothing: (o) => readers({ readers: 16, ...o, path: (n) => [`/concerts/${randomUUID()}`, `/schedules/${randomUUID()}`,
		`/schedules/${randomUUID()}/seats`, `/schedules?concertId=${randomUUID()}`, `/schedules/${randomUUID()}/seats?since=${n}`,
		`/concerts?limit=${1 + n % 100}`][n % 6] }),
	/** /schedules of one concert, each time between other dates. */
	dates: (o) => readers({ readers: 16, ...o, path: (n) => {
		const day = (i) => new Date(Date.UTC(2030, 0, 1 + i)).toISOString().slice(0, 10);
		return `/schedules?concertId=${o.concert}&dateFrom=${day(n % 1000)}&dateTo=${day(2000 + Math.floor(n / 1000))}`;
	} }),
};

kinds[kind](options);
process.on('message', (word) => {
	stopped = stopped || word === 'stop';
	process.send(counts);
});
process.send('under way');
