// node oidc_provider.mjs FOLDER: oidc-provider (in FOLDER/node_modules) on loopback, at a token address like Entra ID's.
//
// One line of JSON comes in: {"tenant": …, "clients": [{"id": …, "secret": …} or {"id": …, "certificates": [PEM, …],
// "by_thumbprint": true or false} or {"id": …, "secret": … (may be missing), "redirect_uris": […]}], "account": …}. An
// application whose tokens open mailboxes has "mail": true besides. One goes out: {"port": …, "key": the public half of what it signs with, PEM}. It ends when its standard input does.
//
// A client with redirect_uris, in which {server} stands for its own host and port, is one that people agree to, in a browser or with a device's code. Whoever signs in is the
// login_hint, else "account"; whoever begins with "nobody" declines. Access tokens are JWTs (RFC 9068) of the account.
// Refresh tokens are replaced each time, and one that comes again takes back the consent: oidc-provider's own doing.
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
const { tenant, clients, account } = JSON.parse(line);
input.on('close', () => process.exit(0));
process.stdin.resume();

const thumbprint = (certificate) => createHash('sha256').update(certificate.raw).digest('base64url');

function registered({ id, secret, certificates, redirect_uris: redirectUris }) {
  if (redirectUris) {
    return {
      client_id: id, redirect_uris: redirectUris.map((uri) => uri.replace('{server}', `127.0.0.1:${port}`)), response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      ...(secret
        ? { client_secret: secret, token_endpoint_auth_method: 'client_secret_post' }
        : { token_endpoint_auth_method: 'none', application_type: 'native' }),
    };
  }
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
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const own = pair.privateKey.export({ format: 'jwk' });
const MAIL = { scope: 'mail send', audience: 'mail', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256', kid: 'own' } } };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...own, use: 'sig', alg: 'RS256', kid: 'own' }] },
  clients: clients.map(registered),
  routes: { token: `/${tenant}/oauth2/v2.0/token` },
  clientAuthMethods: ['client_secret_post', 'private_key_jwt', 'none'],
  enabledJWA: { clientAuthSigningAlgValues: ['PS256'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: ({ oidc: { client } }) => (
        client?.redirectUris?.length || clients.find(({ id }) => id === client?.clientId)?.mail ? 'urn:mail' : undefined
      ),
      useGrantedResource: () => true,
      getResourceServerInfo: () => MAIL,
    },
  },
  scopes: ['openid', 'offline_access', 'https://graph.microsoft.com/.default'],
  rotateRefreshToken: true,
  issueRefreshToken: (_ctx, _client, code) => code.scopes.has('offline_access'),
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  extraTokenClaims: (_ctx, token) => ({ mailbox: token.accountId ?? token.clientId }),
  formats: { customizers: { jwt: (_ctx, _token, jwt) => { jwt.header = { ...jwt.header, typ: 'JWT' }; } } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  assertJwtClientAuthClaimsAndHeader: heldAgainstThumbprint,
});

async function agreed({ prompt, params, session, grantId }) {
  const user = session?.accountId ?? params.login_hint ?? account;
  if (user.startsWith('nobody')) return { error: 'access_denied' };
  if (prompt.name === 'login') return { login: { accountId: user } };
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: user, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  grant.addResourceScope('urn:mail', 'mail send');
  return { consent: { grantId: await grant.save() } };
}

const answering = provider.callback();
server.on('request', async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answering(request, response);
  const details = await provider.interactionDetails(request, response);
  return provider.interactionFinished(request, response, await agreed(details), { mergeWithLastSubmission: true });
});
provider.on('grant.error', (_ctx, error) => console.error('grant.error', error.message, error.error_detail));
provider.on('server_error', (_ctx, error) => console.error('server_error', error));
console.log(JSON.stringify({ port, key: pair.publicKey.export({ type: 'spki', format: 'pem' }) }));
