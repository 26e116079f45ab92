"""Webhooks: those without Kafka are told by HTTP, signed, in order per case, and for days if need be.

The rooms are a service's own; what is kept lies in callback's database: subscriptions, deliveries, and the lanes that keep
each case of a subscription in order.
"""
