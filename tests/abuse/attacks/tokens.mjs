/*
 * One token in 20,000 other spellings of its signature: none is accepted, so none is a new entry in the cache of
 * verified tokens or a new key of the limit by user. ES256 has a second valid signature for each token: a factor of two.
 */
import { call, judge, say, settings, short, tokenOf } from '../lib.mjs';

const at = Number(settings.POINT_PORT);
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const token = tokenOf();
const dot = token.lastIndexOf('.');
const [signed, signature] = [token.slice(0, dot), token.slice(dot + 1)];
const bytes = Buffer.from(signature, 'base64url');

/** The n-th spelling of another kind: bits that decode to nothing, padding, the other alphabet, what lenient readers skip. */
const kinds = [
	(n) => signature.slice(0, -1) + alphabet[(alphabet.indexOf(signature.at(-1)) + 1 + n % 63) % 64],
	(n) => signature + '='.repeat(1 + n % 8),
	(n) => signature + alphabet[n % 64].repeat(1 + Math.floor(n / 64) % 4),
	(n) => signature.slice(0, n % signature.length) + ['+', '/', '.', ',', '~', '%20', '*', '!'][n % 8] + signature.slice(n % signature.length),
	(n) => signature.slice(0, n % signature.length) + '=' + signature.slice(n % signature.length),
	(n) => Buffer.concat([Buffer.alloc(1 + n % 16), bytes]).toString('base64url'),
	(n) => Buffer.concat([bytes, Buffer.alloc(1 + n % 16)]).toString('base64url'),
	(n) => bytes.toString('base64') + ' '.repeat(1 + n % 4),
	(n) => `${signature}.${alphabet[n % 64]}`,
	(n) => signature.slice(0, signature.length - 1 - n % 3),
];

const count = short ? 2000 : 20000;
const spellings = new Set();
for (let n = 0; spellings.size < count; n++) {
	const spelling = kinds[n % kinds.length](Math.floor(n / kinds.length)) +
		(n < 10 * count / 4 ? '' : alphabet[n % 64] + '='.repeat(Math.floor(n / 64) % 50));
	if (spelling !== signature)
		spellings.add(`${signed}.${spelling}`);
}

const first = await call('GET', '/points', { token, at });
if (first.status !== 200)
	throw new Error(`the token itself: ${first.status} ${first.body}`);
const answers = {};
const left = [...spellings];
await Promise.all(Array.from({ length: 16 }, async () => {
	for (let spelling = left.pop(); spelling !== undefined; spelling = left.pop()) {
		const { status } = await call('GET', '/points', { token: spelling, at });
		answers[status] = (answers[status] ?? 0) + 1;
	}
}));
say(`${settings.JWT_ALG}: answers to ${count} spellings: ${JSON.stringify(answers)}`);
judge(`${settings.JWT_ALG}: other spellings of a signature that were accepted`, count - (answers[401] ?? 0), 0);
process.exit();
