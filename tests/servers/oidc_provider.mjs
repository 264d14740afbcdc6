// node oidc_provider.mjs FOLDER: oidc-provider (in FOLDER/node_modules) on loopback, at a token address like Entra ID's.
//
// One line of JSON comes in: {"tenant": …, "clients": [{"id": …, "secret": …} or {"id": …, "certificates": [PEM, …],
// "by_thumbprint": true or false}]}. One goes out: {"port": …}. It ends when its standard input does.
//
// What oidc-provider checks of an assertion by itself: its signature by one of the client's keys, its algorithm, iss, sub,
// aud, exp, nbf, and that its jti was not there before. It does not look at x5t#S256, nor into certificates. For a client
// that is known `by_thumbprint`, as at Entra ID, its hook for that (assertJwtClientAuthClaimsAndHeader) looks for the one
// certificate that x5t#S256 names, and holds the signature against that one's key; both by Node's crypto.
import { constants, createHash, generateKeyPairSync, randomUUID, verify, X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const installed = createRequire(`${process.argv[2]}/`);
const { default: Provider, errors } = await import(pathToFileURL(installed.resolve('oidc-provider')).href);

const input = createInterface({ input: process.stdin });
const [line] = await new Promise((resolve) => input.once('line', (text) => resolve([text])));
const { tenant, clients } = JSON.parse(line);
input.on('close', () => process.exit(0));
process.stdin.resume();

const thumbprint = (certificate) => createHash('sha256').update(certificate.raw).digest('base64url');

function registered({ id, secret, certificates }) {
  const common = { client_id: id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
  if (secret) return { ...common, client_secret: secret, token_endpoint_auth_method: 'client_secret_post' };
  const keys = certificates.map((pem) => ({
    ...new X509Certificate(pem).publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'PS256', kid: randomUUID(),
  }));
  return {
    ...common, jwks: { keys }, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256',
  };
}

function heldAgainstThumbprint(ctx, _claims, header, client) {
  const { certificates, by_thumbprint: asked } = clients.find(({ id }) => id === client.clientId);
  if (!asked) return;
  const named = certificates.map((pem) => new X509Certificate(pem)).find((one) => thumbprint(one) === header['x5t#S256']);
  if (!named) throw new errors.InvalidClientAuth('no certificate has this x5t#S256');
  const [head, body, signature] = ctx.oidc.params.client_assertion.split('.');
  const pss = { key: named.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  if (!verify('sha256', Buffer.from(`${head}.${body}`), pss, Buffer.from(signature, 'base64url'))) {
    throw new errors.InvalidClientAuth('the certificate of this x5t#S256 has another key');
  }
}

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const own = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...own, use: 'sig', alg: 'RS256', kid: 'own' }] },
  clients: clients.map(registered),
  routes: { token: `/${tenant}/oauth2/v2.0/token` },
  clientAuthMethods: ['client_secret_post', 'private_key_jwt'],
  enabledJWA: { clientAuthSigningAlgValues: ['PS256'] },
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  scopes: ['https://graph.microsoft.com/.default'],
  assertJwtClientAuthClaimsAndHeader: heldAgainstThumbprint,
});
server.on('request', provider.callback());
provider.on('grant.error', (_ctx, error) => console.error('grant.error', error.message, error.error_detail));
provider.on('server_error', (_ctx, error) => console.error('server_error', error));
console.log(JSON.stringify({ port }));
