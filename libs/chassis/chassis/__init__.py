"""The shared runtime of the services: store, relay, consuming, views, HTTP."""
