import type { IDataObject, INodeProperties } from 'n8n-workflow';
import { SEND_AND_WAIT_OPERATION } from 'n8n-workflow';

import { orRefusal } from './api';
import { approvalBody, requestBody, sends } from './bodies';
import { withStateSeen } from './withdrawing';

const ID_OF_REQUEST = '={{ "/requests/" + encodeURIComponent($parameter["requestId"]) }}';
// What a page is asked for with takes the place of what was asked before, filters too.
const CURSOR = 'decodeURIComponent($response.body.next.match(/[?&]cursor=([^&]+)/)[1])';
const NEXT_PAGE = `={{ ({ ...$request.qs, limit: 100, cursor: $response.body?.next ? ${CURSOR} : undefined }) }}`;

export const resourceProperty: INodeProperties = {
	displayName: 'Resource',
	name: 'resource',
	type: 'options',
	noDataExpression: true,
	options: [
		{ name: 'Approval', value: 'approval' },
		{ name: 'Process', value: 'process' },
		{ name: 'Request', value: 'request' },
	],
	default: 'approval',
};

// --- what can be done ---------------------------------------------------------------------------------------

const approvalOperations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['approval'] } },
	options: [
		{
			name: 'Ask',
			value: 'ask',
			action: 'Ask for an approval',
			description: 'Ask people by mail, and go on at once',
			routing: {
				request: { method: 'POST', url: '/approvals' },
				send: { preSend: [sends(approvalBody)] },
				output: { postReceive: [orRefusal] },
			},
		},
		{
			// n8n checks the signature of the address that goes on with an execution for operations of this name alone.
			name: 'Ask and Wait',
			value: SEND_AND_WAIT_OPERATION,
			action: 'Ask for an approval and wait',
			description: 'Ask people by mail, and go on when it is decided',
		},
		{
			name: 'Wait',
			value: 'wait',
			action: 'Wait for an approval',
			description: 'Ask Placet again and again until a request has ended: where it cannot reach n8n',
		},
	],
	default: SEND_AND_WAIT_OPERATION,
};

const requestOperations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['request'] } },
	options: [
		{
			name: 'Get',
			value: 'get',
			action: 'Get a request',
			description: 'Read one request, with its steps and decisions',
			routing: {
				request: { method: 'GET', url: ID_OF_REQUEST },
				output: { postReceive: [orRefusal] },
			},
		},
		{
			name: 'Get Many',
			value: 'getAll',
			action: 'Get many requests',
			description: 'Read the requests that the person of the key may see, the newest first',
			routing: {
				request: { method: 'GET', url: '/requests' },
				output: { postReceive: [orRefusal, { type: 'rootProperty', properties: { property: 'items' } }] },
			},
		},
		{
			name: 'Start',
			value: 'start',
			action: 'Start a request',
			description: 'Start a request of a process, and go on at once',
			routing: {
				request: { method: 'POST', url: '/requests' },
				send: { preSend: [sends(requestBody)] },
				output: { postReceive: [orRefusal] },
			},
		},
		{
			name: 'Start and Wait',
			value: SEND_AND_WAIT_OPERATION,
			action: 'Start a request and wait',
			description: 'Start a request of a process, and go on when it has ended',
		},
		{
			name: 'Withdraw',
			value: 'withdraw',
			action: 'Withdraw a request',
			description: 'Take back a request that is open',
			routing: {
				request: {
					method: 'POST',
					url: `${ID_OF_REQUEST.slice(0, -3)} + "/withdraw" }}`,
				},
				send: { preSend: [withStateSeen] },
				output: { postReceive: [orRefusal] },
			},
		},
	],
	default: 'start',
};

const processOperations: INodeProperties = {
	displayName: 'Operation',
	name: 'operation',
	type: 'options',
	noDataExpression: true,
	displayOptions: { show: { resource: ['process'] } },
	options: [
		{
			name: 'Get Many',
			value: 'getAll',
			action: 'Get many processes',
			description: 'Read the processes that the key may start, each with the JSON Schema of its form',
			routing: {
				request: { method: 'GET', url: '/processes' },
				output: { postReceive: [orRefusal, { type: 'rootProperty', properties: { property: 'items' } }] },
			},
		},
	],
	default: 'getAll',
};

// --- what an approval asks ----------------------------------------------------------------------------------

const asking = { resource: ['approval'], operation: ['ask', SEND_AND_WAIT_OPERATION] };

const idempotencyOption: INodeProperties = {
	displayName: 'Idempotency Key',
	name: 'idempotencyKey',
	type: 'string',
	default: '',
	placeholder: 'PO-2026-0042/1',
	description:
		'What makes two calls the same, such as the number and revision of a document: the second one gets the request of the first. Left empty, each execution of this node is a call of its own.',
};

const requesterOption: INodeProperties = {
	displayName: 'Requester',
	name: 'requester',
	type: 'string',
	default: '',
	placeholder: 'alice@example.org',
	description:
		'Address of the person for whom this is asked. The key needs the scope requests:for-others. Left empty: the person of the key.',
};

const approvalProperties: INodeProperties[] = [
	{
		displayName: 'Title',
		name: 'title',
		type: 'string',
		default: '',
		required: true,
		placeholder: 'Order 4711 of Example Ltd',
		displayOptions: { show: asking },
		description: 'What the request is called, on pages and in the subjects of mails',
	},
	{
		displayName: 'Ask',
		name: 'asked',
		type: 'options',
		options: [
			{ name: 'People', value: 'people' },
			{ name: 'A Group', value: 'group' },
		],
		default: 'people',
		displayOptions: { show: asking },
	},
	{
		displayName: 'To',
		name: 'to',
		type: 'string',
		default: '',
		required: true,
		placeholder: 'bob@example.org, carol@example.org',
		displayOptions: { show: { ...asking, asked: ['people'] } },
		description: 'Addresses of people whom Placet knows, with commas between',
	},
	{
		displayName: 'Group',
		name: 'group',
		type: 'string',
		default: '',
		required: true,
		displayOptions: { show: { ...asking, asked: ['group'] } },
		description: 'Key of a group in Placet',
	},
	{
		displayName: 'Who Has to Answer',
		name: 'rule',
		type: 'options',
		options: [
			{ name: 'Any of Them', value: 'any', description: 'The first answer decides' },
			{ name: 'All of Them', value: 'all', description: 'Everybody has to approve' },
			{ name: 'A Number of Them', value: 'number' },
		],
		default: 'any',
		displayOptions: { show: asking },
	},
	{
		displayName: 'Number',
		name: 'number',
		type: 'number',
		typeOptions: { minValue: 1, numberPrecision: 0 },
		default: 2,
		displayOptions: { show: { ...asking, rule: ['number'] } },
		description: 'How many have to give the same answer',
	},
	{
		displayName: 'Facts',
		name: 'facts',
		type: 'fixedCollection',
		typeOptions: { multipleValues: true, sortable: true },
		placeholder: 'Add Fact',
		default: {},
		displayOptions: { show: asking },
		description: 'What is to be decided, as lines of a table. The answer counts for exactly these.',
		options: [
			{
				displayName: 'Fact',
				name: 'fact',
				values: [
					{ displayName: 'Label', name: 'label', type: 'string', default: '', placeholder: 'Amount' },
					{ displayName: 'Value', name: 'value', type: 'string', default: '', placeholder: '1,250.00 EUR' },
				],
			},
		],
	},
	{
		displayName: 'Text',
		name: 'text',
		type: 'string',
		typeOptions: { rows: 4 },
		default: '',
		displayOptions: { show: asking },
		description: 'What is said of it, above the facts',
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add Option',
		default: {},
		displayOptions: { show: asking },
		options: [
			{
				displayName: 'Due',
				name: 'due',
				type: 'string',
				default: '',
				placeholder: '2 working days',
				description: 'Until when: an amount of time, a day (2026-12-24) or a moment with its offset',
			},
			{
				displayName: 'Exactly',
				name: 'exactly',
				type: 'string',
				typeOptions: { rows: 4 },
				default: '',
				description:
					'What exactly is to be done, sign by sign: a command with its parameters, a change. The decision holds for this alone.',
			},
			{
				displayName: 'Files',
				name: 'files',
				type: 'string',
				default: '',
				placeholder: 'data',
				description: 'Names of binary fields of the item, with commas between',
			},
			idempotencyOption,
			{
				displayName: 'Outcomes',
				name: 'outcomes',
				type: 'json',
				default: '["approve", "reject"]',
				description: 'What can be answered, if it is not approve and reject',
			},
			{
				displayName: 'Proof',
				name: 'proof',
				type: 'options',
				options: [
					{ name: 'As Strong as Has to Be', value: '' },
					{ name: 'Colleague', value: 'colleague', description: 'The organisation’s own server vouches' },
					{ name: 'Outside', value: 'outside', description: 'A signature of the sender’s domain will do' },
					{ name: 'Submitted', value: 'submitted', description: 'Signed in at the mailbox’s own server as themself' },
					{ name: 'Signed', value: 'signed', description: 'A mail that they signed themself: S/MIME, OpenPGP' },
					{ name: 'Page', value: 'page', description: 'Signed in, on a page: no mail decides' },
				],
				default: '',
				description: 'How sure it must be who answers. What is weaker than Placet or the key lets is refused.',
			},
			requesterOption,
		],
	},
];

// --- what a request is started with -------------------------------------------------------------------------

const starting = { resource: ['request'], operation: ['start', SEND_AND_WAIT_OPERATION] };

const startProperties: INodeProperties[] = [
	{
		displayName: 'Process Name or ID',
		name: 'process',
		type: 'options',
		typeOptions: { loadOptionsMethod: 'getProcesses' },
		default: '',
		required: true,
		displayOptions: { show: starting },
		description:
			'Choose from the list, or specify an ID using an <a href="https://docs.n8n.io/code/expressions/">expression</a>',
	},
	{
		displayName: 'Data',
		name: 'data',
		type: 'json',
		default: '{}',
		required: true,
		displayOptions: { show: starting },
		description:
			'What is entered into the form, by names of its fields: “Process: Get Many” shows their JSON Schema',
	},
	{
		displayName: 'Files',
		name: 'files',
		type: 'fixedCollection',
		typeOptions: { multipleValues: true },
		placeholder: 'Add Files of a Field',
		default: {},
		displayOptions: { show: starting },
		options: [
			{
				displayName: 'Field',
				name: 'field',
				values: [
					{
						displayName: 'Field of the Form',
						name: 'name',
						type: 'string',
						default: '',
						placeholder: 'invoice',
					},
					{
						displayName: 'Binary Fields',
						name: 'properties',
						type: 'string',
						default: 'data',
						description: 'Names of binary fields of the item, with commas between',
					},
				],
			},
		],
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add Option',
		default: {},
		displayOptions: { show: starting },
		options: [idempotencyOption, requesterOption],
	},
];

// --- which requests -----------------------------------------------------------------------------------------

const oneRequestProperties: INodeProperties[] = [
	{
		displayName: 'Request ID',
		name: 'requestId',
		type: 'string',
		default: '={{ $json.id }}',
		required: true,
		displayOptions: { show: { resource: ['request'], operation: ['get', 'withdraw'] } },
	},
	{
		displayName: 'Request ID',
		name: 'requestId',
		type: 'string',
		default: '={{ $json.id }}',
		required: true,
		displayOptions: { show: { resource: ['approval'], operation: ['wait'] } },
		description: 'ID of an approval or of a request of a process',
	},
	{
		displayName: 'Minutes',
		name: 'minutes',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 1440 },
		default: 10,
		displayOptions: { show: { resource: ['approval'], operation: ['wait'] } },
		description:
			'How long to wait. What is open then is given as it is, with the state “open”. The execution runs as long: for hours or days, “Ask and Wait” is made.',
	},
	{
		displayName: 'Only if Unchanged Since',
		name: 'sequence',
		type: 'number',
		default: 0,
		displayOptions: { show: { resource: ['request'], operation: ['withdraw'] } },
		description:
			'The sequence that the request had when it was read: if anything happened since, it is not withdrawn. 0: withdrawn however it stands.',
	},
];

const many = { resource: ['request', 'process'], operation: ['getAll'] };

const manyProperties: INodeProperties[] = [
	{
		displayName: 'Return All',
		name: 'returnAll',
		type: 'boolean',
		default: false,
		displayOptions: { show: many },
		description: 'Whether to return all results or only up to a given limit',
		routing: {
			send: { paginate: '={{ $value }}' },
			operations: {
				pagination: {
					type: 'generic',
					properties: {
						continue: '={{ !!$response.body?.next }}',
						request: {
							qs: NEXT_PAGE as unknown as IDataObject, // an expression that gives an object
						},
					},
				},
			},
		},
	},
	{
		displayName: 'Limit',
		name: 'limit',
		type: 'number',
		typeOptions: { minValue: 1, maxValue: 100 },
		default: 50,
		displayOptions: { show: { ...many, returnAll: [false] } },
		description: 'Max number of results to return',
		routing: { send: { type: 'query', property: 'limit' } },
	},
	{
		displayName: 'Filters',
		name: 'filters',
		type: 'collection',
		placeholder: 'Add Filter',
		default: {},
		displayOptions: { show: { resource: ['request'], operation: ['getAll'] } },
		options: [
			{
				displayName: 'Created After',
				name: 'createdAfter',
				type: 'dateTime',
				default: '',
				routing: {
					send: {
						type: 'query',
						property: 'created_after',
						value: '={{ $value ? new Date($value).toISOString() : undefined }}',
					},
				},
			},
			{
				displayName: 'Process Name or ID',
				name: 'process',
				type: 'options',
				typeOptions: { loadOptionsMethod: 'getProcesses' },
				default: '',
				description:
					'Choose from the list, or specify an ID using an <a href="https://docs.n8n.io/code/expressions/">expression</a>',
				routing: { send: { type: 'query', property: 'process' } },
			},
			{
				displayName: 'Requester',
				name: 'requester',
				type: 'string',
				default: '',
				placeholder: 'alice@example.org',
				routing: { send: { type: 'query', property: 'requester' } },
			},
			{
				displayName: 'Search',
				name: 'q',
				type: 'string',
				default: '',
				description: 'Words that stand in the request',
				routing: { send: { type: 'query', property: 'q' } },
			},
			{
				displayName: 'State',
				name: 'state',
				type: 'options',
				options: [
					{ name: 'Ended', value: 'ended' },
					{ name: 'Open', value: 'open' },
					{ name: 'Withdrawn', value: 'withdrawn' },
				],
				default: 'open',
				routing: { send: { type: 'query', property: 'state' } },
			},
		],
	},
];

export const properties: INodeProperties[] = [
	resourceProperty,
	approvalOperations,
	processOperations,
	requestOperations,
	...approvalProperties,
	...startProperties,
	...oneRequestProperties,
	...manyProperties,
];
