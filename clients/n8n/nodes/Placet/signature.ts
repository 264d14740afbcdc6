import { createHmac, timingSafeEqual } from 'node:crypto';

const PREFIX = 'whsec_';
const TOLERANCE = 300; // seconds between the clocks of both

type Headers = Record<string, string | string[] | undefined>;

/**
 * Whether a webhook is Placet's, by Standard Webhooks 1.0.0: one of the signatures in its header is that of its id, its
 * time and its body, and it was sent within the last five minutes.
 *
 * @param body the bytes as they came, not what was parsed of them
 * @param now seconds since 1970
 */
export function isSigned(headers: Headers, body: Buffer, secret: string, now: number): boolean {
	const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map(
		(name) => headers[`webhook-${name}`],
	);
	if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') {
		return false;
	}
	if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE) {
		return false;
	}
	const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, 'base64');
	if (key.length === 0) {
		return false;
	}
	const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
	return signatures.split(' ').some((signature) => {
		const [version, encoded] = signature.split(',', 2);
		const given = Buffer.from(encoded ?? '', 'base64');
		return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
	});
}
