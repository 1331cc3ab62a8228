"""Events that say what has changed elsewhere, from wherever they come.

An :class:`~.source.EventSource` delivers :class:`~.event.Event` objects to whoever applies them,
such as a gateway that invalidates what is cached. In reading order:

=================  =====================================================================
``event``          :class:`Event`, and how it is written
``source``         :class:`EventSource`: what a source does
``webhook``        :class:`WebhookEvents`: requests of a provider
``redis_channel``  :class:`RedisEvents`: what is published in Redis (extra ``redis``)
``kafka``          :class:`KafkaEvents`: records of a topic (extra ``kafka``)
``listening``      :class:`EventListener`: keeps sources going
=================  =====================================================================
"""
