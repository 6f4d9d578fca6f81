// A front end of the sync tool's kind, in Node: it signs up, uploads, watches, lists, downloads and asks
// for conflicts, with the requests that such front ends send. `node sync_tool.mjs http://127.0.0.1:8000`

import assert from "node:assert/strict";

const SERVER = process.argv[2];

/** The few things of axios that front ends use: `data` by `responseType`, and errors with `response`. */
const axios = {
  async request(method, url, body, { headers = {}, responseType = "json" } = {}) {
    const sent = { ...headers };
    let payload = body;
    if (body instanceof FormData) {
      // As axios does: the type that the caller wrote has no boundary, so the form sets its own.
      delete sent["Content-Type"];
    } else if (body !== undefined) {
      sent["Content-Type"] = "application/json";
      payload = JSON.stringify(body);
    }
    const reply = await fetch(url, { method, headers: sent, body: payload });
    const data = reply.ok && responseType === "blob" ? await reply.blob() : await jsonOf(reply);
    const response = { status: reply.status, headers: reply.headers, data };
    if (!reply.ok) throw Object.assign(new Error(`Request failed with status code ${reply.status}`), { response });
    return response;
  },
  get: (url, config) => axios.request("GET", url, undefined, config),
  post: (url, body, config) => axios.request("POST", url, body, config),
  delete: (url, config) => axios.request("DELETE", url, undefined, config),
};

async function jsonOf(reply) {
  const text = await reply.text();
  return text === "" ? "" : JSON.parse(text);
}

/** What a call is refused with. */
async function refusal(call) {
  try {
    await call;
  } catch (error) {
    if (error.response) return error.response;
    throw error;
  }
  assert.fail("it was not refused");
}

const storage = new Map();
const signed = () => ({ Authorization: `Bearer ${storage.get("access_token")}` });

async function signUpAndIn() {
  const person = { email: "user@example.com", password: "securepassword", full_name: "John Doe" };
  const registered = await axios.post(`${SERVER}/auth/register`, person);
  assert.ok(registered.data.access_token);

  const { email, password } = person;
  const { access_token, user_id } = (await axios.post(`${SERVER}/auth/login`, { email, password })).data;
  assert.equal(user_id, registered.data.user_id);
  storage.set("access_token", access_token).set("user_id", user_id);

  const wrong = await refusal(axios.post(`${SERVER}/auth/login`, { email, password: "another password" }));
  assert.equal(wrong.status, 401);
  assert.match(wrong.data.detail, /\w+/);
}

function formOf(name, text, wishes) {
  const form = new FormData();
  form.append("file", new File([text], name, { type: "text/plain" }));
  for (const [wish, value] of Object.entries(wishes)) form.append(wish, value);
  return form;
}

const upload = (name, text, wishes) => axios.post(`${SERVER}/api/v1/upload`, formOf(name, text, wishes), {
  headers: { ...signed(), "Content-Type": "multipart/form-data" },
});

/** Asks after a job until it has ended. */
async function ended(job) {
  for (let asked = 0; asked < 100; asked += 1) {
    const { data } = await axios.get(`${SERVER}/api/v1/status/${job}`, { headers: signed() });
    assert.equal(typeof data.progress_percentage, "number");
    assert.ok("error_message" in data);
    if (data.status === "completed" || data.status === "failed") return data;
    assert.match(data.status, /^(pending|running)$/);
  }
  return assert.fail("the job does not end");
}

async function uploads() {
  const wishes = [{}, { sync_google: "false" }, { sync_google: "false", sync_azure: "false" }];
  for (const [number, wish] of wishes.entries()) {
    const name = `note ${number}.txt`;
    const { job_id, file_id, filename, message } = (await upload(name, `text ${number}`, wish)).data;
    assert.equal(filename, name);
    assert.match(message, /\w+/);
    const job = await ended(job_id);
    assert.deepEqual([job.status, job.progress_percentage, job.error_message], ["completed", 100, null]);
    assert.equal(job.file_id, file_id);
  }
  for (const [wish, provider] of [["sync_google", "Google"], ["sync_azure", "Azure"]]) {
    const refused = await refusal(upload("refused.txt", "text", { [wish]: "true" }));
    assert.equal(refused.status, 409);
    assert.match(refused.data.detail, new RegExp(`${provider}.* is not configured`));
  }
}

async function list(query) {
  const { data } = await axios.get(`${SERVER}/api/v1/files?${query}`, { headers: signed() });
  return data.files.map((file) => file.filename);
}

async function listings() {
  const all = await list("limit=50&offset=0");
  assert.deepEqual([...all].sort(), ["note 0.txt", "note 1.txt", "note 2.txt"]);
  assert.deepEqual([...await list("limit=2&offset=0"), ...await list("limit=2&offset=2")], all);
  assert.deepEqual(await list("limit=50&offset=3"), []);
}

async function downloads() {
  const { data } = await axios.get(`${SERVER}/api/v1/files`, { headers: signed() });
  const file = data.files.find(({ filename }) => filename === "note 1.txt");
  const address = `${SERVER}/api/v1/files/${file.id}`;

  const known = (await axios.get(address, { headers: signed() })).data;
  assert.deepEqual([known.id, known.filename, known.size], [file.id, "note 1.txt", 6]);
  const got = await axios.get(`${address}?download=true&from_storage=local`, { headers: signed(), responseType: "blob" });
  assert.equal(await new Blob([got.data]).text(), "text 1");
  assert.match(got.headers.get("content-disposition"), /^attachment;.*note 1\.txt/);
  const elsewhere = await refusal(axios.get(`${address}?download=true&from_storage=google`, { headers: signed() }));
  assert.equal(elsewhere.status, 409);
  assert.match(elsewhere.data.detail, /Google.* is not configured/);

  const deleted = await axios.delete(address, { headers: signed() });
  assert.ok(deleted.status < 300);
  assert.equal((await refusal(axios.get(address, { headers: signed() }))).status, 404);
  assert.equal((await list("limit=50&offset=0")).includes("note 1.txt"), false);
}

async function conflicts() {
  const { data } = await axios.get(`${SERVER}/api/v1/conflicts?resolved=false`, { headers: signed() });
  assert.deepEqual(data.conflicts, []);
  const one = `${SERVER}/api/v1/conflicts/1`;
  assert.equal((await refusal(axios.get(one, { headers: signed() }))).status, 404);
  for (const policy of ["last-write", "keep-both", "manual"]) {
    const answer = { policy, notes: "seen by a person" };
    assert.equal((await refusal(axios.post(`${one}/resolve`, answer, { headers: signed() }))).status, 404);
  }
}

async function googleDrive() {
  const { data } = await axios.get(`${SERVER}/auth/google/status/${storage.get("user_id")}`, { headers: signed() });
  assert.equal(data.connected, false);
  const start = await fetch(`${SERVER}/auth/google/start?user_id=${storage.get("user_id")}`, { headers: signed(), redirect: "manual" });
  assert.equal(start.status, 409);
  assert.match((await start.json()).detail, /Google.* is not configured/);
}

/** A browser asks first whether a page of another origin may send this. */
async function otherOrigins() {
  for (const [origin, allowed] of [["http://localhost:3000", "http://localhost:3000"], ["http://evil.example", null]]) {
    const asked = await fetch(`${SERVER}/api/v1/upload`, {
      method: "OPTIONS",
      headers: { Origin: origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization" },
    });
    assert.equal(asked.headers.get("access-control-allow-origin"), allowed);
  }
}

async function documents() {
  assert.equal((await axios.get(`${SERVER}/health`)).status, 200);
  for (const page of ["/docs", "/redoc"]) {
    const reply = await fetch(SERVER + page, { headers: { Accept: "text/html" } });
    assert.equal(reply.status, 200);
    assert.match(reply.headers.get("content-type"), /^text\/html/);
  }
}

for (const flow of [signUpAndIn, uploads, listings, downloads, conflicts, googleDrive, otherOrigins, documents]) {
  await flow().catch((error) => {
    error.message = `${flow.name}: ${error.message} ${JSON.stringify(error.response?.data ?? "")}`;
    throw error;
  });
}
console.log("every flow works");
