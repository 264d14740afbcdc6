import { createHash } from 'node:crypto';
import type {
	IBinaryData,
	IDataObject,
	IExecuteFunctions,
	IExecuteSingleFunctions,
	IHttpRequestOptions,
	INode,
} from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';

/** One item as both kinds of operations see it: those that are declared, and those that wait. */
export interface Item {
	node: INode;
	index: number;
	parameter(name: string, fallback?: unknown): unknown;
	binary(property: string): Promise<{ about: IBinaryData; content: Buffer }>;
	idempotencyKey: string;
}

export function itemOf(context: IExecuteFunctions, index: number): Item {
	return {
		node: context.getNode(),
		index,
		parameter: (name, fallback) => context.getNodeParameter(name, index, fallback),
		binary: async (property) => ({
			about: context.helpers.assertBinaryData(index, property),
			content: await context.helpers.getBinaryDataBuffer(index, property),
		}),
		idempotencyKey: keyOfCall(context, index),
	};
}

function singleItem(context: IExecuteSingleFunctions): Item {
	const index = context.getItemIndex();
	return {
		node: context.getNode(),
		index,
		parameter: (name, fallback) => context.getNodeParameter(name, fallback),
		binary: async (property) => ({
			about: context.helpers.assertBinaryData(property),
			content: await context.helpers.getBinaryDataBuffer(property),
		}),
		idempotencyKey: keyOfCall(context, index),
	};
}

/** The same for every try of one node for one item in one execution, so that "Retry On Fail" asks nobody twice. */
function keyOfCall(context: IExecuteFunctions | IExecuteSingleFunctions, index: number): string {
	const run = context.evaluateExpression('{{ $runIndex }}', index);
	const parts = [context.getInstanceId(), context.getExecutionId(), context.getNode().id, run, index];
	return `n8n-${createHash('sha256').update(parts.join(' ')).digest('hex')}`;
}

/** `preSend` of an operation that starts something: its body, and the key that makes a second try the same call. */
export function sends(body: (item: Item) => Promise<IDataObject>) {
	return async function (
		this: IExecuteSingleFunctions,
		options: IHttpRequestOptions,
	): Promise<IHttpRequestOptions> {
		const item = singleItem(this);
		return {
			...options,
			body: await body(item),
			headers: { ...options.headers, 'Idempotency-Key': idempotencyKey(item) },
		};
	};
}

export function idempotencyKey(item: Item): string {
	const { idempotencyKey: own } = options(item);
	return typeof own === 'string' && own.trim() ? own.trim() : item.idempotencyKey;
}

/** The body of POST /approvals. */
export async function approvalBody(item: Item): Promise<IDataObject> {
	const { due, exactly, files, outcomes, proof, requester } = options(item);
	const isForGroup = item.parameter('asked') === 'group';
	const rule = item.parameter('rule');
	return given({
		title: item.parameter('title'),
		text: item.parameter('text', ''),
		facts: item.parameter('facts.fact', []),
		exactly,
		to: isForGroup ? { group: item.parameter('group') } : addresses(item),
		rule: rule === 'number' ? item.parameter('number') : rule,
		outcomes: outcomes === undefined ? undefined : parsed(item, 'Outcomes', outcomes, Array.isArray),
		due,
		proof,
		requester,
		files: await attached(item, names(files)),
	});
}

function addresses(item: Item): string[] {
	const listed = names(item.parameter('to'));
	if (!listed.length) {
		throw new NodeOperationError(item.node, 'Nobody is asked', {
			description: '“To” has no address.',
			itemIndex: item.index,
		});
	}
	return listed;
}

/** The body of POST /requests. */
export async function requestBody(item: Item): Promise<IDataObject> {
	const { requester } = options(item);
	const fields = item.parameter('files.field', []) as IDataObject[];
	const files: IDataObject = {};
	for (const { name, properties } of fields) {
		files[String(name)] = await attached(item, names(properties));
	}
	return given({
		process: item.parameter('process'),
		data: parsed(item, 'Data', item.parameter('data'), isObject),
		requester,
		files: fields.length ? files : undefined,
	});
}

async function attached(item: Item, properties: string[]): Promise<IDataObject[] | undefined> {
	const files = [];
	for (const property of properties) {
		const { about, content } = await item.binary(property);
		files.push({
			name: about.fileName ?? property,
			content_type: about.mimeType,
			content: content.toString('base64'),
		});
	}
	return files.length ? files : undefined;
}

function options(item: Item): IDataObject {
	return item.parameter('options', {}) as IDataObject;
}

/** What stands between commas. */
function names(list: unknown): string[] {
	const parts = Array.isArray(list) ? list : String(list ?? '').split(',');
	return parts.map((part) => String(part).trim()).filter(Boolean);
}

function isObject(value: unknown): boolean {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a parameter of JSON holds: text of its editor, or what an expression gave. */
function parsed(item: Item, label: string, value: unknown, fits: (value: unknown) => boolean): IDataObject {
	let json = value;
	if (typeof value === 'string') {
		try {
			json = JSON.parse(value);
		} catch (error) {
			throw new NodeOperationError(item.node, `“${label}” is no JSON: ${(error as Error).message}`, {
				itemIndex: item.index,
			});
		}
	}
	if (!fits(json)) {
		throw new NodeOperationError(item.node, `“${label}” is JSON of another kind than is needed`, {
			itemIndex: item.index,
		});
	}
	return json as IDataObject;
}

/** Without what nobody filled in: Placet has its own defaults, and takes an empty text for a value. */
function given(body: IDataObject | Record<string, unknown>): IDataObject {
	const isGiven = ([, value]: [string, unknown]) => value !== undefined && value !== null && value !== '';
	return Object.fromEntries(Object.entries(body).filter(isGiven)) as IDataObject;
}
