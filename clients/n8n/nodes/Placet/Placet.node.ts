import type {
	IDataObject,
	ILoadOptionsFunctions,
	INodePropertyOptions,
	INodeType,
	INodeTypeDescription,
} from 'n8n-workflow';
import { NodeConnectionTypes, SEND_AND_WAIT_OPERATION } from 'n8n-workflow';

import { processes } from './processes';
import { properties } from './properties';
import { askAndWait, resume, startAndWait, waitForEnd } from './waiting';

export class Placet implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Placet',
		name: 'placet',
		icon: { light: 'file:../../icons/placet.svg', dark: 'file:../../icons/placet.dark.svg' },
		group: ['output'],
		version: 1,
		subtitle: '={{ $parameter["operation"] + ": " + $parameter["resource"] }}',
		description: 'Ask for approvals by e-mail, wait for the answer, and read requests',
		defaults: { name: 'Placet' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'placetApi', required: true }],
		// Where Placet calls when a request has ended that an execution waits for.
		webhooks: [
			{
				name: 'default',
				httpMethod: 'POST',
				responseMode: 'onReceived',
				responseData: 'noData',
				path: '={{ $nodeId }}',
				restartWebhook: true,
				isFullPath: true,
			},
		],
		requestDefaults: {
			baseURL: '={{ $credentials.url.trim().replace(/\\/+$/, "") }}/api/v1',
			json: true,
			disableFollowRedirect: true, // the key goes where the credential says, and nowhere else
			ignoreHttpStatusErrors: true, // told by orRefusal
		},
		properties,
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

	customOperations = {
		approval: { [SEND_AND_WAIT_OPERATION]: askAndWait, wait: waitForEnd },
		request: { [SEND_AND_WAIT_OPERATION]: startAndWait },
	};

	webhook = resume;
}
