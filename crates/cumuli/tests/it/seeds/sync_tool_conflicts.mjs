// The part of a front end of the sync tool's kind that handles conflicts, with the functions that its document prints.
// `node sync_tool_conflicts.mjs http://127.0.0.1:8000 TOKEN`

import assert from "node:assert/strict";

const [, , SERVER, TOKEN] = process.argv;
const localStorage = { getItem: (name) => (name === "access_token" ? TOKEN : null) };

/** What of axios these functions use. */
const axios = {
  get: (url, config) => send("GET", url, undefined, config),
  post: (url, body, config) => send("POST", url, body, config),
};

async function send(method, url, body, { headers }) {
  const reply = await fetch(url.replace("http://localhost:8000", SERVER), {
    method,
    headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const data = await reply.json();
  if (!reply.ok) throw new Error(`Request failed with status code ${reply.status}: ${JSON.stringify(data)}`);
  return { status: reply.status, data };
}

const listConflicts = async () => {
  const token = localStorage.getItem('access_token');

  const response = await axios.get(
    'http://localhost:8000/api/v1/conflicts?resolved=false',
    {
      headers: { 'Authorization': `Bearer ${token}` }
    }
  );

  return response.data.conflicts;
};

const resolveConflict = async (conflictId, policy) => {
  const token = localStorage.getItem('access_token');

  const response = await axios.post(
    `http://localhost:8000/api/v1/conflicts/${conflictId}/resolve`,
    {
      policy: policy, // 'last-write', 'keep-both', or 'manual'
      notes: 'User resolved conflict'
    },
    {
      headers: { 'Authorization': `Bearer ${token}` }
    }
  );

  return response.data;
};

const open = await listConflicts();
assert.equal(open.length, 3);
for (const [at, policy] of ["last-write", "keep-both", "manual"].entries()) {
  const conflict = open[at];
  assert.equal(conflict.resolved, false);
  const after = await resolveConflict(conflict.id, policy);
  assert.equal(after.id, conflict.id);
  assert.equal(after.resolved, true);
  assert.equal(after.resolution.policy, policy);
  assert.equal(after.resolution.notes, "User resolved conflict");
}
assert.deepEqual(await listConflicts(), []);
