"""Who is speaking: logins by a signed AWS request or a service account's token, and what they let a batch claim."""
