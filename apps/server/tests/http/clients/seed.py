"""The Python functions of the API's documentation, as it prints them.

The document's text has lost its indentation, which is restored here, and two `Authorization` lines are JavaScript
templates, which are f-strings here. Base URL and keys come from the environment. Prints one JSON object.
"""

import hashlib
import hmac
import json
import os
import sys
import time
import uuid  # For client_reference_id

import requests

OSAYCORE_API_KEY = os.environ["OSAYCORE_API_KEY"]
OSAYCORE_SECRET_KEY = os.environ["OSAYCORE_SECRET_KEY"]
OSAYCORE_BASE_URL = os.environ["OSAYCORE_BASE_URL"]


def generate_hmac_signature(secret_key, timestamp, payload=""):  # Payload can be empty for GET
    message = f"{timestamp}.{payload}".encode('utf-8')
    signature = hmac.new(secret_key.encode('utf-8'), message, hashlib.sha256).hexdigest()
    return signature


def get_osaycore_user_jwt(your_internal_user_id):
    endpoint = f"{OSAYCORE_BASE_URL}/auth/generate-user-jwt"
    timestamp = str(int(time.time()))
    payload = json.dumps({"user_id": str(your_internal_user_id)})
    signature = generate_hmac_signature(OSAYCORE_SECRET_KEY, timestamp, payload)
    headers = {
        'Content-Type': 'application/json',
        'X-OSAYCORE-API-KEY': OSAYCORE_API_KEY,
        'X-OSAYCORE-TIMESTAMP': timestamp,
        'X-OSAYCORE-SIGNATURE': signature
    }
    try:
        response = requests.post(endpoint, headers=headers, data=payload)
        response.raise_for_status()  # Raise an exception for HTTP errors
        return response.json().get('jwt_token')
    except requests.exceptions.RequestException as e:
        print(f"Error generating OsayCore JWT: {e}")
        print(f"Response: {response.text if 'response' in locals() else 'N/A'}")
        return None


def deduct_user_credits_api(user_jwt, amount_to_charge, action_description):
    endpoint = f"{OSAYCORE_BASE_URL}/action/deduct-credits"
    timestamp = str(int(time.time()))
    payload_data = {
        "amount": amount_to_charge,
        "description": action_description,
        "client_reference_id": str(uuid.uuid4())  # Example: unique ID for this action
    }
    payload = json.dumps(payload_data)
    signature = generate_hmac_signature(OSAYCORE_SECRET_KEY, timestamp, payload)
    headers = {
        'Content-Type': 'application/json',
        'Authorization': f"Bearer {user_jwt}",  # User's JWT
        'X-OSAYCORE-API-KEY': OSAYCORE_API_KEY,
        'X-OSAYCORE-TIMESTAMP': timestamp,
        'X-OSAYCORE-SIGNATURE': signature
    }
    try:
        response = requests.post(endpoint, headers=headers, data=payload)
        response.raise_for_status()  # Raise an exception for HTTP errors (4xx or 5xx)
        return response.json()
    except requests.exceptions.HTTPError as e:
        print(f"HTTP Error during credit deduction: {e.response.status_code} - {e.response.text}")
        return {"success": False, "error": e.response.json().get('error', 'Unknown API error')}
    except requests.exceptions.RequestException as e:
        print(f"Network/Connection Error during credit deduction: {e}")
        return {"success": False, "error": "Network or connection error"}


def add_user_credits_api(user_id, amount, reason, transaction_type="BONUS", payment_id=None):
    endpoint = f"{OSAYCORE_BASE_URL}/credits/add-credits"
    timestamp = str(int(time.time()))
    payload_data = {
        "user_id": str(user_id),
        "amount": amount,
        "description": reason,
        "transaction_type": transaction_type
    }
    if payment_id:
        payload_data["payment_id"] = str(payment_id)
    payload = json.dumps(payload_data)
    signature = generate_hmac_signature(OSAYCORE_SECRET_KEY, timestamp, payload)
    headers = {
        'Content-Type': 'application/json',
        'X-OSAYCORE-API-KEY': OSAYCORE_API_KEY,
        'X-OSAYCORE-TIMESTAMP': timestamp,
        'X-OSAYCORE-SIGNATURE': signature
    }
    try:
        response = requests.post(endpoint, headers=headers, data=payload)
        response.raise_for_status()
        return response.json()
    except requests.exceptions.RequestException as e:
        print(f"Error adding credits: {e}")
        return {"success": False, "error": str(e)}


def get_user_context_api(user_jwt):
    endpoint = f"{OSAYCORE_BASE_URL}/user/context"
    timestamp = str(int(time.time()))
    # For GET requests, the payload for signature is typically an empty string
    payload = ""
    signature = generate_hmac_signature(OSAYCORE_SECRET_KEY, timestamp, payload)
    headers = {
        'Content-Type': 'application/json',
        'Authorization': f"Bearer {user_jwt}",
        'X-OSAYCORE-API-KEY': OSAYCORE_API_KEY,
        'X-OSAYCORE-TIMESTAMP': timestamp,
        'X-OSAYCORE-SIGNATURE': signature
    }
    try:
        response = requests.get(endpoint, headers=headers)
        response.raise_for_status()
        return response.json()
    except requests.exceptions.RequestException as e:
        print(f"Error fetching user context: {e}")
        return {"success": False, "error": str(e)}


def main():
    user_id = sys.argv[1]
    token = get_osaycore_user_jwt(user_id)
    told = {
        "sign_ins": all(get_osaycore_user_jwt(user_id) for _ in range(3)),
        "nobody": get_osaycore_user_jwt("nobody"),
        "deducted": deduct_user_credits_api(token, 10.0, "Generated image #123"),
        "too_much": deduct_user_credits_api(token, 1000.0, "Everything"),
        "added": add_user_credits_api(user_id, 20.5, "Thank you"),
        "context": get_user_context_api(token),
    }
    print(json.dumps(told))


main()
