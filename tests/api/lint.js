/*
 * Lints docs/api-spec.yaml: first by OpenAPI's own rules (Redocly's recommended set), then by
 * this project's: every error answer lists its codes, every code is used and explained in
 * docs/errors.md, names are camelCase, every response carries a request id.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createConfig, formatProblems, getTotals, lint } from '@redocly/openapi-core';

const config = await createConfig({
	extends: ['recommended-strict'],
	rules: {
		'info-license': 'off',
		'no-server-example.com': 'off',		/* localhost is where it runs first */
		'operation-4xx-response': 'off',	/* the health calls have none */
		'no-ambiguous-paths': 'off',		/* /payments/webhooks/toss is no payment id */
	},
});
const problems = await lint({ ref: fileURLToPath(new URL('../../docs/api-spec.yaml', import.meta.url)), config });
if (problems.length > 0) {
	formatProblems(problems, { format: 'stylish', totals: getTotals(problems), version: '' });
	process.exit(1);
}

/* Loaded only now: it stands on a file that is OpenAPI. */
const { elsewhere, later, operations, promises, spec } = await import('./spec.js');

const faults = [];
const say = (condition, text) => { if (!condition) faults.push(text); };
const known = spec.components.schemas.ErrorCode.enum;
const statusOf = new Map();
/* Cancelling too late is a conflict; paying too late finds the hold gone. */
const twoStatuses = new Set(['RESERVATION_EXPIRED']);

for (const { id, responses } of [...operations, { id: 'elsewhere', responses: elsewhere }]) {
	for (const [status, response] of responses) {
		const where = `${id} ${status}`;
		say((status >= 400) === (response.codes.length > 0), `${where}: x-error-codes and status don't go together`);
		say(response.headers.some((h) => h.name === 'x-request-id' && h.required), `${where}: no X-Request-Id`);
		for (const code of response.codes) {
			say(known.includes(code), `${where}: ${code} is not in ErrorCode`);
			say(twoStatuses.has(code) || (statusOf.get(code) ?? status) === status,
				`${where}: ${code} is ${statusOf.get(code)} elsewhere`);
			statusOf.set(code, status);
		}
		for (const code of response.seenAnywhere)
			say(response.codes.includes(code), `${where}: x-seen-anywhere has ${code}, x-error-codes has not`);
	}
}

/* A 500 is a fault in the system; the contract promises none, so any that occurs fails the check. */
for (const code of known)
	say(statusOf.has(code) || code === 'INTERNAL_ERROR', `ErrorCode: ${code} is used nowhere`);

const errors = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
for (const code of known)
	say(errors.includes(`\`${code}\``), `docs/errors.md: ${code} is missing`);

function names(schema, where) {
	for (const [name, value] of Object.entries(schema?.properties ?? {})) {
		say(/^[a-z][a-zA-Z0-9]*$/.test(name), `${where}: ${name} is not camelCase`);
		names(value, `${where}.${name}`);
	}
	if (schema?.items)
		names(schema.items, `${where}[]`);
}
for (const [name, schema] of Object.entries(spec.components.schemas))
	names(schema, name);

const lines = new Set(promises().map((p) => p.line));
for (const { operation, status, code, why } of later) {
	const line = [operation, status, code].filter((x) => x !== undefined).join(' ');
	say(lines.has(line), `tests/api/later.yaml: ${line} is not in the contract`);
	say(Boolean(why), `tests/api/later.yaml: ${line} has no reason`);
}

for (const fault of faults)
	console.error(`docs/api-spec.yaml: ${fault}`);
if (faults.length > 0)
	process.exit(1);
console.log(`docs/api-spec.yaml: ${operations.length} operations, ${lines.size} promised answers, no faults`);
