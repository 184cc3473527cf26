/*
 * Holds the entries of the stream `events`, as `redis-cli --json XREVRANGE events + - COUNT n` prints them on
 * standard input, to docs/events.schema.json. Every type that an ordinary day brings must be among them; not so
 * with --partial.
 */
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';

const schema = JSON.parse(readFileSync(new URL('../../docs/events.schema.json', import.meta.url)));
const validate = new Ajv({ allErrors: true }).compile(schema);
const common = ['ReservationHeld', 'ReservationConfirmed', 'ReservationCancelled', 'PaymentApproved', 'PaymentRefunded',
	'PointCharged', 'PointDeducted', 'PointRolledBack'];

const seen = new Set();
let wrong = 0;
for (const [entry, fields] of JSON.parse(readFileSync(0, 'utf8'))) {
	const event = {};
	for (let i = 0; i < fields.length; i += 2)
		event[fields[i]] = fields[i] === 'data' ? JSON.parse(fields[i + 1]) : fields[i + 1];
	seen.add(event.type);
	if (Object.keys(event).join(' ') !== 'id type key at data after' || !validate(event)) {
		if (++wrong <= 5)
			console.log(`entry ${entry}: ${JSON.stringify(event)}\n  ${JSON.stringify(validate.errors)}`);
	}
}
for (const type of process.argv.includes('--partial') ? [] : common.filter((one) => !seen.has(one))) {
	console.log(`there is no ${type} in the stream`);
	wrong++;
}
console.log(`events: ${[...seen].sort().join(' ')}; ${wrong} wrong`);
process.exit(wrong > 0 ? 1 : 0);
