import { n8nCommunityNodesPlugin } from '@n8n/eslint-plugin-community-nodes';
import tseslint from 'typescript-eslint';

export default [
	{ ignores: ['dist/', 'node_modules/', '*.mjs'] },
	...tseslint.configs.recommended.map((config) => ({ ...config, files: ['**/*.ts'] })),
	{ files: ['package.json'], languageOptions: { parser: tseslint.parser } },
	n8nCommunityNodesPlugin.configs.recommended,
	{
		// The rule is made for triggers. This webhook goes on with an execution that waits: nothing subscribes to it.
		files: ['nodes/Placet/Placet.node.ts'],
		rules: { '@n8n/community-nodes/webhook-lifecycle-complete': 'off' },
	},
	{
		// Where it is published from is not settled: see README.md, "Before it is published".
		files: ['package.json'],
		rules: {
			'@n8n/community-nodes/valid-author': 'off',
			'@n8n/community-nodes/require-homepage': 'off',
		},
	},
];
