import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	IWebhookFunctions,
	IWebhookResponseData,
} from 'n8n-workflow';
import { NodeOperationError, sleep, WAIT_INDEFINITELY } from 'n8n-workflow';

import { call, CREDENTIAL, requestPath } from './api';
import type { Item } from './bodies';
import { approvalBody, idempotencyKey, itemOf, requestBody } from './bodies';
import { isSigned } from './signature';

const OPEN = 'open';
const ENDS = ['request.ended', 'request.withdrawn'];
const LONGEST_WAIT = 50; // seconds that Placet holds one call
const RESERVED = 'asked'; // in the place of the request's id until Placet gave one

// --- until a callback comes: the execution sleeps in n8n's database ----------------------------------------

export async function askAndWait(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await startAndSleep(this, '/approvals', approvalBody);
}

export async function startAndWait(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	return await startAndSleep(this, '/requests', requestBody);
}

async function startAndSleep(
	context: IExecuteFunctions,
	path: string,
	bodyOf: (item: Item) => Promise<IDataObject>,
): Promise<INodeExecutionData[][]> {
	if (context.getInputData().length > 1) {
		throw new NodeOperationError(context.getNode(), 'One item at a time, please', {
			description:
				'An execution waits for one request. Put “Loop Over Items” with a batch size of 1 before this node, or use the operation that does not wait.',
		});
	}
	const item = itemOf(context, 0);
	const body = await bodyOf(item);
	const slot = slotOf(context);
	// Whose end is waited for must be known when the callback comes: what has no room is said before anybody is asked.
	context.customData.set(slot, RESERVED);
	if (context.customData.get(slot) !== RESERVED) {
		throw new NodeOperationError(context.getNode(), 'No room among the custom data of this execution', {
			description: 'n8n keeps ten values for an execution, and this node needs one of them.',
		});
	}
	const answer = await call(context, {
		method: 'POST',
		path,
		body: { ...body, callback: { url: context.getSignedResumeUrl(), events: ENDS } },
		headers: { 'Idempotency-Key': idempotencyKey(item) },
	});
	const request = answer.body;
	context.customData.set(slot, String(request.id));
	if (request.state === OPEN) {
		await context.putExecutionToWait(WAIT_INDEFINITELY);
	}
	return [[{ json: request, pairedItem: { item: 0 } }]];
}

/**
 * A callback, or somebody who knows its address: what it says is not believed but read again from Placet, of the very
 * request that this execution waits for.
 */
export async function resume(this: IWebhookFunctions): Promise<IWebhookResponseData> {
	const refusal = await refusalOf(this);
	if (refusal) {
		this.getResponseObject().status(401).json({ message: refusal });
		return { noWebhookResponse: true };
	}
	const id = this.customData.get(slotOf(this));
	if (!id || id === RESERVED) {
		this.getResponseObject().status(409).json({ message: 'This execution waits for no request yet' });
		return { noWebhookResponse: true };
	}
	let request: IDataObject;
	try {
		request = (await call(this, { method: 'GET', path: requestPath(id) })).body;
	} catch (error) {
		// Thrown, it would end the execution. Placet calls again when it has a status that asks for it.
		this.logger.warn(`Placet's request ${id} could not be read: ${(error as Error).message}`);
		this.getResponseObject().status(503).json({ message: 'The request could not be read' });
		return { noWebhookResponse: true };
	}
	if (request.state === OPEN) {
		return { webhookResponse: { message: 'The request is open: the execution waits on' } };
	}
	return {
		webhookResponse: { message: 'The execution goes on' },
		workflowData: [[{ json: request, pairedItem: { item: 0 } }]],
	};
}

async function refusalOf(context: IWebhookFunctions): Promise<string | undefined> {
	const { signingSecret } = await context.getCredentials<{ signingSecret?: string }>(CREDENTIAL);
	if (!signingSecret) {
		return undefined;
	}
	const { rawBody } = context.getRequestObject();
	const isPlacet = isSigned(context.getHeaderData(), rawBody, signingSecret, Date.now() / 1000);
	return isPlacet ? undefined : 'This is not signed by Placet';
}

function slotOf(context: IExecuteFunctions | IWebhookFunctions): string {
	return `placet_${context.getNode().id.replace(/[^A-Za-z0-9]/g, '')}`.slice(0, 50);
}

// --- by asking again and again, where Placet cannot reach n8n ----------------------------------------------

export async function waitForEnd(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
	const requests: INodeExecutionData[] = [];
	for (let index = 0; index < this.getInputData().length; index += 1) {
		const id = this.getNodeParameter('requestId', index) as string;
		const minutes = this.getNodeParameter('minutes', index) as number;
		requests.push({ json: await endOf(this, id, minutes), pairedItem: { item: index } });
	}
	return [requests];
}

/** The request as it is when it has ended, or when the time is over. */
async function endOf(context: IExecuteFunctions, id: string, minutes: number): Promise<IDataObject> {
	const end = Date.now() + minutes * 60_000;
	for (;;) {
		const left = Math.ceil((end - Date.now()) / 1000);
		const seconds = Math.max(0, Math.min(LONGEST_WAIT, left));
		const answer = await call(context, {
			method: 'GET',
			path: requestPath(id),
			qs: seconds ? { wait: seconds } : {},
			seconds: seconds + 30,
			expected: [429],
		});
		const isRead = answer.status === 200;
		if (isRead && (answer.body.state !== OPEN || seconds === 0)) {
			return answer.body;
		}
		if (context.getExecutionCancelSignal()?.aborted) {
			throw new NodeOperationError(context.getNode(), 'The execution was stopped while it waited');
		}
		// Placet says so when as many wait as it lets wait, or when the key is over its limit.
		const pause = Number(answer.headers['retry-after'] ?? 0);
		await sleep(Math.min(pause, Math.max(left, isRead ? 0 : 1)) * 1000);
	}
}
