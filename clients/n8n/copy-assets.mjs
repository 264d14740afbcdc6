// What tsc leaves out of dist/: icons, and what n8n shows in its panel of nodes.
import { cpSync } from 'node:fs';

cpSync('icons', 'dist/icons', { recursive: true });
for (const name of ['Placet', 'PlacetTrigger']) {
	cpSync(`nodes/${name}/${name}.node.json`, `dist/nodes/${name}/${name}.node.json`);
}
