_base_ = 'zero-dce_demo.py'

# A smaller weight than elsewhere: after minutes of training SDAG reconstructs
# several times worse than after hours, and the term is as much larger.
custom_hooks = [
    dict(type='SDAGGuidanceHook', checkpoint='work_dirs/demo/checkpoints/sdag.pth', loss_weight=5.0)
]
