# Minutes on one CPU core, annealed; the averaged weights are the result.
_base_ = 'blend_unet_1k.py'

train_cfg = dict(max_iters=200)
custom_hooks = [dict(type='EMAHook', momentum=0.02)]
