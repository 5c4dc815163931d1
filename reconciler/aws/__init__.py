"""Amazon IVS Chat, called at the pace of its quotas, and the token records of services that let users in."""
