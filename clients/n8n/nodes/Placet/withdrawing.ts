import type { IExecuteSingleFunctions, IHttpRequestOptions } from 'n8n-workflow';

/** `preSend` of what changes a request: Placet wants to know the state that was seen, as an ETag. */
export async function withStateSeen(
	this: IExecuteSingleFunctions,
	options: IHttpRequestOptions,
): Promise<IHttpRequestOptions> {
	const sequence = this.getNodeParameter('sequence', 0) as number;
	const headers = {
		...options.headers,
		'If-Match': sequence ? `"${sequence}"` : '*',
		'Content-Type': 'application/json',
	};
	return { ...options, headers, body: '{}' }; // as a text: n8n sends no object that is empty
}
