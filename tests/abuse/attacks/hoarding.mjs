/* One account takes a place in the line again and again, and holds all it can, without paying. */
import { buyer, call, hall, hold, judge, must, pause, say, settings, sql } from '../lib.mjs';

const where = await hall(5, 20);
const user = '0197a3c2-0000-7000-8000-' + Date.now().toString(16).padStart(12, '0');
const owned = () => Number(sql(`SELECT count(*) FROM reservation.seats s JOIN reservation.reservations r USING (reservation_id)
	WHERE s.schedule_id = '${where.schedule}' AND r.user_id = '${user}' AND s.status = 'HOLD' AND s.hold_expires_at > now()`));

const answers = {};
const note = (answer) => {
	const what = answer.status === 201 ? 201 : answer.json?.code ?? answer.status;
	answers[what] = (answers[what] ?? 0) + 1;
	return answer;
};

let most = 0;
for (let i = 0; i < 12; i++) {
	const who = await buyer(where, '127.0.0.9', user);
	// The same turn from many devices at once, by seats and by grade.
	const calls = [0, 1, 2, 3].map((k) => k % 2 === 0 ? hold(who, where, where.seats.slice(4 * i, 4 * i + 1 + k), '127.0.0.9') :
		call('POST', '/reservations/hold', { token: who.token, from: '127.0.0.9', headers: { 'X-Queue-Token': who.queueToken },
			body: { scheduleId: where.schedule, bestAvailable: { grade: 'R', quantity: 1 + k } } }));
	(await Promise.all(calls)).forEach(note);
	most = Math.max(most, owned());
	await pause(300); // A fast machine would meet the gateway's limit of calls.
}
say(`answers to 48 holds: ${JSON.stringify(answers)}`);
judge('seats of one schedule that one account held at once', most, 4);

// It gives them back unpaid and takes others, round after round.
let rounds = 0;
for (; rounds < 20; rounds++) {
	await pause(300);
	for (const item of (await must(200, 'GET', '/reservations?limit=100', { token: (await buyer(where, '127.0.0.9', user)).token })).json.items)
		if (item.status === 'HOLD')
			await call('POST', `/reservations/${item.reservationId}/cancel`, { token: (await buyer(where, '127.0.0.9', user)).token });
	const answer = note(await hold(await buyer(where, '127.0.0.9', user), where, [where.seats[rounds]], '127.0.0.9'));
	if (answer.status !== 201)
		break;
}
say(`holds given back unpaid before the pause: ${rounds}; ${JSON.stringify(answers)}`);
judge('holds that one account could take and give back unpaid', rounds, Number(settings.UNPAID_HOLDS_MAX ?? 5));
process.exit();
