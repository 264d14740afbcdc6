import type {
	IDataObject,
	IExecuteFunctions,
	IHookFunctions,
	IHttpRequestMethods,
	IHttpRequestOptions,
	ILoadOptionsFunctions,
	IExecuteSingleFunctions,
	INodeExecutionData,
	IN8nHttpFullResponse,
	IWebhookFunctions,
	JsonObject,
} from 'n8n-workflow';
import { NodeApiError } from 'n8n-workflow';

export const CREDENTIAL = 'placetApi';

type Context =
	| IExecuteFunctions
	| IExecuteSingleFunctions
	| IHookFunctions
	| ILoadOptionsFunctions
	| IWebhookFunctions;

export interface Call {
	method: IHttpRequestMethods;
	path: string; // below /api/v1
	qs?: IDataObject;
	body?: IDataObject;
	headers?: IDataObject;
	seconds?: number; // that an answer may take
	expected?: number[]; // statuses beside 2xx that are no error
}

/** The address of Placet's API, as the credential has it. */
export async function apiUrl(context: Context): Promise<string> {
	const { url } = await context.getCredentials<{ url: string }>(CREDENTIAL);
	return `${url.trim().replace(/\/+$/, '')}/api/v1`;
}

export interface Answer {
	status: number;
	headers: IDataObject;
	body: IDataObject;
}

/** One call of Placet's API. What is refused is a `NodeApiError` with Placet's words. */
export async function call(context: Context, one: Call): Promise<Answer> {
	const options: IHttpRequestOptions = {
		method: one.method,
		url: `${await apiUrl(context)}${one.path}`,
		qs: one.qs,
		body: one.body,
		headers: one.headers,
		json: true,
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		disableFollowRedirect: true, // the key goes where the credential says, and nowhere else
		timeout: (one.seconds ?? 30) * 1000,
	};
	const { statusCode, headers, body } = (await context.helpers.httpRequestWithAuthentication.call(
		context,
		CREDENTIAL,
		options,
	)) as IN8nHttpFullResponse;
	const answer = { status: statusCode, headers, body: (body ?? {}) as IDataObject };
	if ((statusCode < 200 || statusCode > 299) && !one.expected?.includes(statusCode)) {
		throw refusal(context, answer);
	}
	return answer;
}

/** `postReceive` of every declared operation: the same words for what is refused there. */
export async function orRefusal(
	this: IExecuteSingleFunctions,
	items: INodeExecutionData[],
	{ statusCode, headers, body }: IN8nHttpFullResponse,
): Promise<INodeExecutionData[]> {
	if (statusCode > 299) {
		throw refusal(this, { status: statusCode, headers, body: (body ?? {}) as IDataObject });
	}
	return items;
}

/** What Placet said: a problem (RFC 9457) has a title, a sentence, and where in the body what is wrong. */
function refusal(context: Context, { status, body: problem }: Answer): NodeApiError {
	const places = Array.isArray(problem.errors) ? (problem.errors as IDataObject[]) : [];
	const sentences = places.map(({ pointer, detail }) => `${pointer}: ${detail}`);
	const title = String(problem.title ?? `Placet answered with status ${status}`);
	const [first] = sentences.length ? sentences : [problem.detail];
	return new NodeApiError(context.getNode(), problem as JsonObject, {
		message: first ? `${title}: ${first}` : title, // all that an item for an error output has
		description: sentences.join('\n') || undefined,
		httpCode: String(status),
	});
}

export function requestPath(id: string): string {
	return `/requests/${encodeURIComponent(id)}`;
}
