import type { IDataObject, ILoadOptionsFunctions } from 'n8n-workflow';

import { call } from './api';

/** All processes that the key may start, over as many pages as there are. */
export async function processes(context: ILoadOptionsFunctions): Promise<IDataObject[]> {
	const items: IDataObject[] = [];
	let cursor: string | null = null;
	do {
		const qs: IDataObject = cursor ? { limit: 100, cursor } : { limit: 100 };
		const { body } = await call(context, { method: 'GET', path: '/processes', qs });
		const page = body as unknown as { items: IDataObject[]; next: string | null };
		items.push(...page.items);
		cursor = page.next && new URL(page.next, 'https://placet.invalid').searchParams.get('cursor');
	} while (cursor);
	return items;
}
