// `node validate.mjs FOLDER FILE`: whether a file is OpenAPI 2.0, for its JSON Schema and for its rules.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/`));
const SwaggerParser = require('@apidevtools/swagger-parser');

const api = await SwaggerParser.validate(file);
process.stdout.write(`${Object.keys(api.paths).length}\n`);
