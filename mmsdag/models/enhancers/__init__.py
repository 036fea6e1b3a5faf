from .zero_dce import ZeroDCE, ZeroDCENet

__all__ = ['ZeroDCE', 'ZeroDCENet']
