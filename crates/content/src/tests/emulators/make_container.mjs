// Makes a container: node make_container.mjs ENDPOINT ACCOUNT KEY CONTAINER
import { createHmac } from "node:crypto";

const [endpoint, account, key, container] = process.argv.slice(2);
const url = new URL(`${endpoint}/${container}?restype=container`);
const headers = { "x-ms-date": new Date().toUTCString(), "x-ms-version": "2021-12-02" };
const named = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
const text = ["PUT", ...Array(11).fill(""), ...named, `/${account}${url.pathname}`, "restype:container"].join("\n");
const signature = createHmac("sha256", Buffer.from(key, "base64")).update(text, "utf8").digest("base64");
const answer = await fetch(url, {
  method: "PUT",
  headers: { ...headers, authorization: `SharedKey ${account}:${signature}` },
});
if (answer.status !== 201) {
  console.error(answer.status, await answer.text());
  process.exit(1);
}
