import type {
	IDataObject,
	IHookFunctions,
	ILoadOptionsFunctions,
	INodePropertyOptions,
	INodeType,
	INodeTypeDescription,
	IWebhookFunctions,
	IWebhookResponseData,
} from 'n8n-workflow';
import { NodeConnectionTypes } from 'n8n-workflow';

import { call, requestPath } from '../Placet/api';
import { processes } from '../Placet/processes';
import { isSigned } from '../Placet/signature';
import { eventOptions } from './events';

const TEST = 'placet.test'; // somebody pressed the button in Placet; nothing happened that a workflow is made for
const SEEN = 200; // ids of events that are kept, to know one that comes again

/** What n8n keeps for this node of a workflow that is active. */
interface Subscription extends IDataObject {
	webhookId?: string;
	secret?: string;
	seen?: string[];
}

export class PlacetTrigger implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Placet Trigger',
		name: 'placetTrigger',
		icon: { light: 'file:../../icons/placet.svg', dark: 'file:../../icons/placet.dark.svg' },
		group: ['trigger'],
		version: 1,
		subtitle: '={{ $parameter["events"].join(", ") }}',
		description: 'Starts a workflow when something happens to a request in Placet',
		defaults: { name: 'Placet Trigger' },
		inputs: [],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'placetApi', required: true }],
		webhooks: [
			{
				name: 'default',
				httpMethod: 'POST',
				responseMode: 'onReceived',
				responseData: 'noData',
				path: 'webhook',
			},
		],
		properties: [
			{
				displayName: 'Events',
				name: 'events',
				type: 'multiOptions',
				options: eventOptions,
				default: ['request.ended'],
				required: true,
				description: 'What starts the workflow',
			},
			{
				displayName: 'Process Names or IDs',
				name: 'processes',
				type: 'multiOptions',
				typeOptions: { loadOptionsMethod: 'getProcesses' },
				default: [],
				description:
					'Requests of these processes only; of all if none is chosen, which needs an administrator’s key. Choose from the list, or specify IDs using an <a href="https://docs.n8n.io/code/expressions/">expression</a>.',
			},
			{
				displayName: 'Read the Request',
				name: 'readRequest',
				type: 'boolean',
				default: true,
				description:
					'Whether to read the whole request at each event, which itself holds only ids: with its steps and decisions as they are then. The key needs the scope requests:read.',
			},
		],
	};

	methods = {
		loadOptions: {
			async getProcesses(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
				return (await processes(this)).map(({ key, name }: IDataObject) => ({
					name: String(name),
					value: String(key),
				}));
			},
		},
	};

	webhookMethods = {
		default: {
			async checkExists(this: IHookFunctions): Promise<boolean> {
				const { webhookId } = subscription(this);
				if (!webhookId) {
					return false;
				}
				const { status, body } = await call(this, {
					method: 'GET',
					path: webhookPath(webhookId),
					expected: [404],
				});
				const wanted = wantedBy(this);
				return (
					status === 200 &&
					(['url', 'events', 'processes'] as const).every((name) => isSame(body[name], wanted[name]))
				);
			},
			async create(this: IHookFunctions): Promise<boolean> {
				const kept = subscription(this);
				// One that listens for a test in the editor finds what the active workflow keeps, and leaves it alone.
				if (kept.webhookId && this.getActivationMode() !== 'manual') {
					await remove(this, kept.webhookId);
				}
				const { body } = await call(this, { method: 'POST', path: '/webhooks', body: wantedBy(this) });
				kept.webhookId = String(body.id);
				kept.secret = String(body.secret);
				return true;
			},
			async delete(this: IHookFunctions): Promise<boolean> {
				const kept = subscription(this);
				if (kept.webhookId) {
					await remove(this, kept.webhookId);
				}
				delete kept.webhookId;
				delete kept.secret;
				return true;
			},
		},
	};

	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		const kept = subscription(this);
		const headers = this.getHeaderData();
		const { rawBody } = this.getRequestObject();
		if (!kept.secret || !isSigned(headers, rawBody, kept.secret, Date.now() / 1000)) {
			this.getResponseObject().status(401).json({ message: 'This is not signed by Placet' });
			return { noWebhookResponse: true };
		}
		const event = this.getBodyData();
		if (event.type === TEST) {
			return { webhookResponse: { message: 'This is reached' } };
		}
		const id = String(headers['webhook-id']);
		if (kept.seen?.includes(id)) {
			return { webhookResponse: { message: 'This event came before' } };
		}
		const item: IDataObject = { id, ...event };
		const { request } = (event.data ?? {}) as { request?: IDataObject };
		if (request && this.getNodeParameter('readRequest', true)) {
			try {
				const answer = await call(this, { method: 'GET', path: requestPath(String(request.id)) });
				item.request = answer.body;
			} catch (error) {
				// Thrown, it would be an execution that failed, and the event gone. Placet sends it again.
				this.logger.warn(`Placet's request ${request.id} could not be read: ${(error as Error).message}`);
				this.getResponseObject().status(503).json({ message: 'The request could not be read' });
				return { noWebhookResponse: true };
			}
		}
		kept.seen = [...(kept.seen ?? []), id].slice(-SEEN);
		return { workflowData: [[{ json: item }]] };
	}
}

function subscription(context: IHookFunctions | IWebhookFunctions): Subscription {
	return context.getWorkflowStaticData('node') as Subscription;
}

function wantedBy(context: IHookFunctions): IDataObject {
	const { name } = context.getWorkflow();
	return {
		url: context.getNodeWebhookUrl('default'),
		description: `n8n: ${name ?? context.getNode().name}`.slice(0, 200),
		events: context.getNodeParameter('events', []) as string[],
		processes: context.getNodeParameter('processes', []) as string[],
	};
}

function isSame(one: unknown, other: unknown): boolean {
	const sorted = (value: unknown) => JSON.stringify(Array.isArray(value) ? [...value].sort() : value);
	return sorted(one) === sorted(other);
}

function webhookPath(id: string): string {
	return `/webhooks/${encodeURIComponent(id)}`;
}

/** One that is gone already is as good. */
async function remove(context: IHookFunctions, id: string): Promise<void> {
	await call(context, { method: 'DELETE', path: webhookPath(id), expected: [404] });
}
