"""Notices: who is to be told of a promise that nobody has kept is told, by e-mail, text message or signed webhook.

A role of callback. It hears what fell due from the topic, keeps what is to be sent as deliveries (`callback.outgoing`), asks
intake for a citizen's address when it sends and keeps none, and writes what became of each notice into callback's log.
"""
