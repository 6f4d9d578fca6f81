// What the overview of connections and the view of a single one have in common.

import * as api from "./api.js";
import * as format from "./format.js";
import { toast, toastError } from "./toast.js";

/** Whether somebody has to do something before it works. */
export const isBroken = (connection) => connection.state !== "active";

/** Whether there will soon be news of what is in it. */
export const isBusy = (connection) => connection.looking || (connection.as_of === null && !isBroken(connection));

/** For how long news is awaited after somebody asked for a look. */
export const EAGER_MS = 15_000;

/** What is known of a connection's provider; little of one that the server does not know. */
export const providerOf = (providers, { kind }) => providers.find((provider) => provider.name === kind) ?? { name: kind, title: kind, by: "keys" };

/** The way to sign in again, where people sign in. */
export const againUrl = (connection, provider) => (provider.by === "oauth" ? api.linkUrl(provider.name, connection.id) : null);

/** When what is shown of it was last right. */
export function freshness(connection) {
  if (connection.as_of === null) return [isBroken(connection) ? "It was not looked at yet." : "It is being looked at for the first time…"];
  return [connection.looking ? "It is being looked at; as of " : "As of ", format.ago(connection.as_of)];
}

/** Asks for a look, now. */
export async function refresh(connection, load) {
  try {
    await api.refreshConnection(connection.id);
    toast(`“${connection.label}” is looked at as soon as can be.`);
    await load();
  } catch (error) {
    toastError(error);
  }
}
