"""What leaves the house for receivers of all kinds, and what webhooks and notices share: deliveries that are kept, lanes that
keep them in order, the loop that sends what is due, what follows from an answer, and what is held in the end.

Who the receivers are, and what one sending is, each says for itself.
"""
