/*
 * Holds recorded traffic to docs/api-spec.yaml.
 *
 *   tests/api/check [--partial] RECORD...
 *
 * A record has one JSON object a line: method, path (with the query), status, requestHeaders,
 * requestBody (text or null), responseHeaders, responseBody (text). Fails if an exchange does not
 * fit the contract, and, without --partial, if the contract promises an answer that was never
 * seen (but for those in later.yaml, which must not have been seen).
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { elsewhere, later, operationFor, operations, promises } from './spec.js';

const seen = new Set();
const seenAnywhere = new Set();
const failures = new Map();
let exchanges = 0;

function fail(where, what, example) {
	const line = `${where}: ${what}`;
	const failure = failures.get(line) ?? { count: 0, example };
	failure.count++;
	failures.set(line, failure);
}

const lowered = (headers) => Object.fromEntries(Object.entries(headers ?? {}).map(([n, v]) => [n.toLowerCase(), v]));

/* Text from a header or a query as the value that its schema speaks of. */
function typed(text, type) {
	return type === 'integer' && /^-?\d+$/.test(text) ? Number(text) : text;
}

function json(text) {
	try {
		return { value: JSON.parse(text) };
	} catch {
		return { broken: true };
	}
}

function checkHeaders(where, response, headers, example) {
	for (const { name, required, validate, type } of response.headers) {
		if (headers[name] === undefined) {
			if (required)
				fail(where, `no ${name} header`, example);
			continue;
		}
		const wrong = validate(typed(headers[name], type));
		if (wrong !== null)
			fail(where, `${name} header: ${wrong}`, example);
	}
	for (const name of ['idempotent-replayed', 'retry-after', 'etag'])
		if (headers[name] !== undefined && !response.headers.some((h) => h.name === name))
			fail(where, `${name} header is not documented here`, example);
}

function checkProblem(where, response, status, headers, problem, example) {
	if (!response.codes.includes(problem.code))
		fail(where, `code ${problem.code} is not documented here`, example);
	if (problem.status !== status)
		fail(where, `the problem says status ${problem.status}`, example);
	if (headers['idempotent-replayed'] === undefined && problem.requestId !== headers['x-request-id'])
		fail(where, 'requestId is not X-Request-Id', example);
	if (String(problem.retryAfterSeconds ?? '') !== (headers['retry-after'] ?? ''))
		fail(where, 'retryAfterSeconds is not Retry-After', example);
	if (status === 405 && !headers.allow)
		fail(where, 'no Allow header', example);
}

/* What was accepted must be what the contract lets in. */
function checkRequest(where, operation, record, query, example) {
	const headers = lowered(record.requestHeaders);

	for (const parameter of operation.parameters) {
		if (parameter.in === 'path')
			continue;
		const text = parameter.in === 'query' ? query.get(parameter.name) : headers[parameter.name.toLowerCase()];
		if (text === null || text === undefined) {
			if (parameter.required)
				fail(where, `was accepted without ${parameter.name}`, example);
			continue;
		}
		const wrong = parameter.validate(typed(text, parameter.type));
		if (wrong !== null)
			fail(where, `was accepted with ${parameter.name}: ${wrong}`, example);
	}
	if (operation.body !== null && record.requestBody) {
		const body = json(record.requestBody);
		const wrong = body.broken ? 'is no JSON' : operation.body.validate(body.value);
		if (wrong !== null)
			fail(where, `was accepted with a body that ${wrong}`, example);
	} else if (operation.body?.required) {
		if (record.requestBody === '')
			fail(where, 'was accepted without a body', example);
	}
}

function check(record, example) {
	const [path, search] = record.path.split(/\?(.*)/s);
	const { method, status } = record;
	const operation = operationFor(method, path);
	const headers = lowered(record.responseHeaders);
	const name = operation?.id ?? 'elsewhere';
	const response = (operation?.responses ?? elsewhere).get(status);
	const where = `${name} ${status}`;

	if (method === 'OPTIONS' && status === 204)
		return;
	if (response === undefined) {
		fail(where, `the status is not documented (${method} ${path}) ${record.responseBody?.slice(0, 300)}`, example);
		return;
	}
	checkHeaders(where, response, headers, example);
	if (status < 300 && operation !== null)
		checkRequest(where, operation, record, new URLSearchParams(search ?? ''), example);
	if (method === 'HEAD') {
		if (record.responseBody)
			fail(where, 'HEAD was answered with a body', example);
		return;
	}

	let code = '';
	if (response.content.length === 0) {
		if (record.responseBody)
			fail(where, 'has a body', example);
	} else {
		const type = (headers['content-type'] ?? '').split(';')[0].trim();
		const content = response.content.find((c) => c.type === type);
		if (content === undefined) {
			fail(where, `content type '${type}' is not documented here`, example);
			return;
		}
		const body = type.endsWith('json') ? json(record.responseBody) : { value: record.responseBody };
		if (body.broken) {
			fail(where, 'the body is no JSON', example);
			return;
		}
		const wrong = content.validate(body.value);
		if (wrong !== null)
			fail(where, wrong, example);
		if (type === 'application/problem+json') {
			checkProblem(where, response, status, headers, body.value, example);
			code = ` ${body.value.code}`;
		}
	}
	seen.add(`${name} ${status}${code}`);
	seenAnywhere.add(`${status}${code}`);
}

async function read(file) {
	let number = 0;

	for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
		number++;
		if (line === '')
			continue;
		const record = json(line);
		exchanges++;
		if (record.broken)
			fail('record', 'a line is no JSON', `${file}:${number}`);
		else
			check(record.value, `${file}:${number}`);
	}
}

const args = process.argv.slice(2);
const partial = args[0] === '--partial';
const files = partial ? args.slice(1) : args;
if (files.length === 0) {
	console.error('usage: tests/api/check [--partial] RECORD...');
	process.exit(2);
}
for (const file of files)
	await read(file);

const waived = new Set(later.map((l) => [l.operation, l.status, l.code].filter((x) => x !== undefined).join(' ')));
const promised = promises();
let met = 0;
for (const { line, anywhere } of promised) {
	const was = seen.has(line) || (anywhere !== null && seenAnywhere.has(anywhere));
	met += was ? 1 : 0;
	if (!was && !waived.has(line) && !partial)
		fail(line, 'is promised and was never seen', 'docs/api-spec.yaml');
	if (was && waived.has(line))
		fail(line, 'was seen: take it out', 'tests/api/later.yaml');
}

for (const [line, { count, example }] of [...failures].sort())
	console.log(`not as documented: ${line} (${count} times, e.g. ${example})`);
console.log(`api: ${exchanges} exchanges of ${operations.length} operations, ${met} of ${promised.length} ` +
	`promised answers seen, ${waived.size} left for later, ${failures.size} faults`);
process.exit(failures.size === 0 ? 0 : 1);
