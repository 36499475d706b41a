# Copyright The ebpfreceiver Authors
# SPDX-License-Identifier: Apache-2.0
"""The client that the live tests of AMQP observe, with pika.

client.py PORT publish QUEUE NUMBER SIZE    without confirms, with a traceparent and a message ID
client.py PORT confirm QUEUE NUMBER SIZE    with confirms, and as many that cannot be routed
client.py PORT consume QUEUE NUMBER         with acknowledgements
client.py PORT get QUEUE NUMBER             by asking, until the queue is empty
client.py PORT burst QUEUE NUMBER SIZE      with confirms, of which none is waited for
client.py PORT drain QUEUE NUMBER           without acknowledgements
"""
import sys
import time

import pika

port, what, queue, number = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
credentials = pika.PlainCredentials("guest", "guest")
connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, credentials=credentials))
channel = connection.channel()
channel.queue_declare(queue)
if what in ("publish", "confirm"):
    body = b"x" * int(sys.argv[5])
    channel.exchange_declare("shop", "topic")
    channel.queue_bind(queue, "shop", queue + ".*")
    if what == "confirm":
        channel.confirm_delivery()
    for i in range(number):
        headers = {"n": i, "traceparent": "00-%032x-%016x-01" % (i + 1, i + 1), "list": [1, "two", {"three": 3}]}
        properties = pika.BasicProperties(content_type="text/plain", headers=headers, message_id=str(i), correlation_id="c", delivery_mode=1)
        if what == "publish":
            channel.basic_publish("", queue, body, properties)
            if len(body) > 1000:
                time.sleep(0.02)
            continue
        channel.basic_publish("shop", queue + ".new", body)
        try:
            channel.basic_publish("shop", "nobody", body, mandatory=True)
        except pika.exceptions.UnroutableError:
            pass
elif what == "consume":
    seen = 0
    channel.basic_qos(prefetch_count=1)
    for method, _, _ in channel.consume(queue):
        channel.basic_ack(method.delivery_tag)
        seen += 1
        if seen == number:
            break
    channel.cancel()
elif what == "drain":
    for seen, _ in enumerate(channel.consume(queue, auto_ack=True), 1):
        if seen == number:
            break
    channel.cancel()
elif what == "get":
    while channel.basic_get(queue, auto_ack=True)[0]:
        number -= 1
    assert number == 0, number
elif what == "burst":
    confirmed = 0

    def confirm(frame):
        global confirmed
        confirmed = max(confirmed, frame.method.delivery_tag)

    # The blocking channel waits for each; the one below it does not.
    channel._impl.confirm_delivery(confirm, lambda frame: None)
    body = b"x" * int(sys.argv[5])
    for i in range(number):
        channel._impl.basic_publish("", queue, body)
        if i % 500 == 0:
            connection.process_data_events(0)
    while confirmed < number:
        connection.process_data_events(0.1)
connection.close()
