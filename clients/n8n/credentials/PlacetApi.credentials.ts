import type {
	IAuthenticateGeneric,
	Icon,
	ICredentialTestRequest,
	ICredentialType,
	INodeProperties,
} from 'n8n-workflow';

export class PlacetApi implements ICredentialType {
	name = 'placetApi';

	displayName = 'Placet API';

	icon: Icon = { light: 'file:../icons/placet.svg', dark: 'file:../icons/placet.dark.svg' };

	properties: INodeProperties[] = [
		{
			displayName: 'Address of Placet',
			name: 'url',
			type: 'string',
			default: '',
			required: true,
			placeholder: 'https://approvals.example.org',
			description: 'Where Placet is opened in a browser, without /api',
		},
		{
			displayName: 'Key',
			name: 'apiKey',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			required: true,
			description:
				'A key of the API: requests:read and requests:write to ask and wait, webhooks:manage for the trigger',
		},
		{
			displayName: 'Signing Secret of the Key',
			name: 'signingSecret',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			placeholder: 'whsec_…',
			description:
				'What Placet signs its callbacks with. If it stands here, callbacks without its signature are refused.',
		},
	];

	authenticate: IAuthenticateGeneric = {
		type: 'generic',
		properties: { headers: { Authorization: '=Bearer {{$credentials.apiKey}}' } },
	};

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{ $credentials.url.replace(/\\/+$/, "") }}/api/v1',
			url: '/processes',
			qs: { limit: 1 },
		},
	};
}
