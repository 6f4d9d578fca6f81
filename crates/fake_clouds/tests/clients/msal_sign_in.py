"""Has Microsoft's library of sign-in walk through the fake, as if it were at Microsoft.

    msal_sign_in.py PROXY CA.pem CLIENT_ID CLIENT_SECRET
"""

import sys
import urllib.parse

import msal
import requests

AUTHORITY = "https://login.microsoftonline.com/common"
BACK = "http://localhost:4000/back"
SCOPES = ["Files.ReadWrite", "User.Read"]


def main():
    proxy, authority_file, client_id, secret = sys.argv[1:]
    http = requests.Session()
    http.trust_env = False
    http.proxies = {"https": proxy}
    http.verify = authority_file
    cache = msal.SerializableTokenCache()

    def app(secret=secret):
        return msal.ConfidentialClientApplication(
            client_id, secret, AUTHORITY, http_client=http, instance_discovery=False, token_cache=cache
        )

    flow = app().initiate_auth_code_flow(SCOPES, redirect_uri=BACK, state="a-state-that-nobody-guesses")
    agreed = http.get(flow["auth_uri"], allow_redirects=False)
    assert agreed.status_code == 302, agreed.text
    address, query = agreed.headers["Location"].split("?")
    assert address == BACK
    answer = dict(urllib.parse.parse_qsl(query))
    tokens = app().acquire_token_by_auth_code_flow(flow, answer)
    assert "access_token" in tokens, tokens
    assert tokens["id_token_claims"]["email"] == "ada@example.org"

    profile = http.get(
        "https://graph.microsoft.com/v1.0/me", headers={"Authorization": "Bearer " + tokens["access_token"]}
    ).json()
    assert profile["mail"] == "ada@example.org"

    [account] = app().get_accounts()
    again = app().acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert again["access_token"] != tokens["access_token"]

    refused = app("wrong").acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert refused["error"] == "invalid_client" and refused["error_codes"] == [7000215], refused
    used = app().acquire_token_by_authorization_code(answer["code"], SCOPES, redirect_uri=BACK)
    assert used["error"] == "invalid_grant" and used["error_codes"] == [54005], used
    print("all is well")


main()
