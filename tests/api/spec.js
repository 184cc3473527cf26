/*
 * docs/api-spec.yaml as the checks need it: operations found by method and path, responses with
 * their references resolved, and JSON Schema validators for any place in the file.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

export const specFile = fileURLToPath(new URL('../../docs/api-spec.yaml', import.meta.url));
export const spec = parse(readFileSync(specFile, 'utf8'));

/* Answers promised for later work: [{operation, status, code, why}]. */
export const later = parse(readFileSync(new URL('./later.yaml', import.meta.url), 'utf8'));

const methods = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'];

const ajv = new Ajv2020.default({ strict: false, allErrors: true, validateFormats: true });
addFormats.default(ajv);
ajv.addSchema(spec, 'spec');

/* One step of a JSON pointer, as it stands in a URI fragment. */
const step = (name) => encodeURIComponent(String(name).replaceAll('~', '~0').replaceAll('/', '~1'));

/* Follows `$ref` and says where the thing really stands: {value, at}. */
function resolve(value, at) {
	while (value && value.$ref !== undefined && value.schema === undefined) {
		at = value.$ref.slice(2).split('/');
		value = at.reduce((node, name) => node?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], spec);
	}
	return { value, at: at.map(String) };
}

/* A function that returns null, or what is wrong with a value, by the schema that stands at `at`. */
const validators = new Map();
export function validator(at) {
	const ref = `spec#/${at.map(step).join('/')}`;
	if (!validators.has(ref)) {
		const validate = ajv.compile({ $ref: ref });
		validators.set(ref, (value) => (validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: 'body' })));
	}
	return validators.get(ref);
}

function headersOf(response, at) {
	return Object.entries(response.headers ?? {}).map(([name, header]) => {
		const found = resolve(header, [...at, 'headers', name]);
		return { name: name.toLowerCase(), required: found.value.required === true,
			validate: validator([...found.at, 'schema']), type: found.value.schema.type };
	});
}

function responseOf(raw, rawAt) {
	const { value, at } = resolve(raw, rawAt);
	return {
		codes: value['x-error-codes'] ?? [],
		seenAnywhere: value['x-seen-anywhere'] ?? [],
		headers: headersOf(value, at),
		content: Object.keys(value.content ?? {}).map((type) => ({
			type, validate: validator([...at, 'content', type, 'schema']) })),
	};
}

function operationOf(path, method) {
	const raw = spec.paths[path][method];
	const at = ['paths', path, method];
	const parameters = [
		...(spec.paths[path].parameters ?? []).map((p, i) => resolve(p, ['paths', path, 'parameters', i])),
		...(raw.parameters ?? []).map((p, i) => resolve(p, [...at, 'parameters', i])),
	].map(({ value, at: where }) => ({ name: value.name, in: value.in, required: value.required === true,
		type: value.schema.type, validate: validator([...where, 'schema']) }));
	const responses = new Map(Object.entries(raw.responses).map(([status, response]) =>
		[Number(status), responseOf(response, [...at, 'responses', status])]));
	const body = raw.requestBody?.content?.['application/json'] === undefined ? null :
		{ required: raw.requestBody.required === true,
			validate: validator([...at, 'requestBody', 'content', 'application/json', 'schema']) };

	return { id: raw.operationId, path, method: method.toUpperCase(), parameters, responses, body };
}

export const operations = Object.keys(spec.paths).flatMap((path) =>
	methods.filter((method) => spec.paths[path][method] !== undefined).map((method) => operationOf(path, method)));

/* Answers to requests that are no operation at all: unknown paths and methods. */
export const elsewhere = new Map(Object.entries(spec['x-elsewhere']).map(([status, response]) =>
	[Number(status), responseOf(response, ['x-elsewhere', status])]));

/* The paths as a tree of segments, walked as the services' router does: a literal segment goes before an id. */
const tree = new Map();
for (const path of Object.keys(spec.paths)) {
	let node = tree;
	for (const segment of path.split('/').slice(1)) {
		const name = segment.startsWith('{') ? '{}' : segment;
		if (!node.has(name))
			node.set(name, new Map());
		node = node.get(name);
	}
	node.path = path;
}

/* The operation that a request is meant for (HEAD counts as GET), or null. */
export function operationFor(method, path) {
	const asked = method === 'HEAD' ? 'GET' : method;
	let node = tree;

	for (const segment of path.split('/').slice(1))
		node = node?.get(segment) ?? (segment === '' ? undefined : node?.get('{}'));
	return operations.find((o) => o.path === node?.path && o.method === asked) ?? null;
}

/* All that is promised, one line each: "holdSeats 409 SEAT_NOT_AVAILABLE", "getConcert 200". */
export function promises() {
	const lines = [];
	for (const operation of operations) {
		for (const [status, response] of operation.responses) {
			if (response.codes.length === 0)
				lines.push({ line: `${operation.id} ${status}`, anywhere: null });
			for (const code of response.codes)
				lines.push({ line: `${operation.id} ${status} ${code}`,
					anywhere: response.seenAnywhere.includes(code) ? `${status} ${code}` : null });
		}
	}
	for (const [status, response] of elsewhere)
		for (const code of response.codes)
			lines.push({ line: `elsewhere ${status} ${code}`,
				anywhere: response.seenAnywhere.includes(code) ? `${status} ${code}` : null });
	return lines;
}
