// An OpenID provider on a free port. It prints its issuer, and changes its keys at each line that it is told.
// Whoever types a name at its log-in form is that person.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

const client = (client_id, more) => ({
  client_id,
  client_secret: "a secret of the client & more",
  redirect_uris: process.env.REDIRECT_URIS.split(" "),
  ...more,
});

/** The claims of a person; `liar` calls themselves whatever, and nobody made sure. */
const claims = (login) => ({
  sub: `subject of ${login}`,
  email: `${login}@example.org`,
  email_verified: login !== "liar",
  name: `The Person ${login}`,
});

function provider(issuer) {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...pair.privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: randomUUID() };
  const made = new Provider(issuer, {
    clients: [
      client("by-form", { token_endpoint_auth_method: "client_secret_post" }),
      client("by-header", { token_endpoint_auth_method: "client_secret_basic" }),
    ],
    jwks: { keys: [key] },
    cookies: { keys: ["not a secret: this provider is for tests"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    // By default the standard's way: what is about a person is told at its userinfo endpoint alone.
    conformIdTokenClaims: process.env.CLAIMS !== "in the ID token",
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: async (_, login) => ({ accountId: login, claims: async () => claims(login) }),
  });
  return made.callback();
}

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let answer = provider(issuer);
  server.on("request", (request, response) => answer(request, response));
  createInterface({ input: process.stdin }).on("line", () => {
    answer = provider(issuer);
    console.log("rotated");
  }).on("close", () => process.exit());
  console.log(`issuer ${issuer}`);
});
