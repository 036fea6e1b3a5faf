# The same darkness, without the head that tells how dark it is.
_base_ = 'yolox-nano-maet_night-scenes.py'

model = dict(parameter_weight=0.0)
